"""Recording: what an event costs from the call to its receipt, and how many share a flush."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Annotated, ClassVar

import anyio
import attrs

from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.clock import SystemClock
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.filesystem.segments import flush
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.sqlite.audit import SqliteAudit
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from benchmarks.rows import Row, best_of, on_asyncio

PRODUCERS = 64
#: Below a thousand events, so that no checkpoint falls into a round that measures acknowledging alone.
EACH = 15


@attrs.frozen
class ReportFiled(AuditEvent):
    action: ClassVar[str] = "report.filed"

    report: str
    name: Annotated[str, PHI.NAME]
    result: Annotated[str, PHI.RESULT]
    pages: int


class PatientClock(SystemClock):
    """Never says that a second is over: checkpoints are made when the benchmark asks for them."""

    async def sleep(self, seconds: float, /) -> None:
        await anyio.sleep_forever()


class Flushes:
    """Counts what reaches the disk."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, descriptor: int, /) -> None:
        self.count += 1
        flush(descriptor)


@asynccontextmanager
async def opened(kind: str, flushes: Flushes, clock: SystemClock) -> AsyncGenerator[AuditTrail]:
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        root = Path(folder)
        sink = FileAudit(root, sync=flushes) if kind == "file" else SqliteAudit(root / "trail.db")
        async with (
            Keyring(MemoryVault(), FileState(root), subjects=MemoryState()) as ring,
            AuditTrail(sink, ring, origin="clinic.example/audit", clock=clock) as trail,
        ):
            yield trail


async def produce(trail: AuditTrail, each: int) -> None:
    """Sixty-four clinicians, each on a patient's record, each waiting for every receipt."""
    who = Principal("dr-somchai", "oidc:https://login.clinic.example", frozenset({"physician"}))

    async def one(number: int) -> None:
        with acting(who, purpose=Purpose.TREATMENT, subject=f"HN-{number:06}"):
            for _ in range(each):
                await trail.record(ReportFiled("report-0017", "Somchai Jaidee", "4.2 mmol/l", 3))

    async with anyio.create_task_group() as group:
        for number in range(PRODUCERS):
            group.start_soon(one, number)


async def acknowledged(kind: str, rounds: int) -> tuple[float, float, float]:
    """CPU and wall seconds per record of the best round, and records per flush over all rounds."""
    flushes = Flushes()
    cpu = wall = float("inf")
    records = batches = 0.0
    async with opened(kind, flushes, PatientClock()) as trail:
        await produce(trail, 2)
        await trail.checkpoint()
        for _ in range(rounds):
            before, flushed = (await trail.health()).facts, flushes.count
            began, woke = time.process_time(), time.perf_counter()
            await produce(trail, EACH)
            cpu = min(cpu, (time.process_time() - began) / (PRODUCERS * EACH))
            wall = min(wall, (time.perf_counter() - woke) / (PRODUCERS * EACH))
            records += PRODUCERS * EACH
            batches += (
                flushes.count - flushed
                if kind == "file"
                else float((await trail.health()).facts["batches"]) - float(before["batches"])
            )
            await trail.checkpoint()
    return cpu, wall, records / batches


async def bare(rounds: int) -> float:
    """CPU seconds per record of what nobody can do without: the event, a future awaited, and its bytes flushed."""
    cpu = float("inf")
    with tempfile.TemporaryFile(prefix="aegis-bench-") as file:
        waiting: list[asyncio.Future[None]] = []

        def write(batch: int) -> None:
            os.write(file.fileno(), b"x" * 750 * batch)
            flush(file.fileno())

        async def one() -> None:
            for _ in range(EACH):
                ReportFiled("report-0017", "Somchai Jaidee", "4.2 mmol/l", 3)
                future = asyncio.get_running_loop().create_future()
                waiting.append(future)
                await future

        for _ in range(rounds):
            began = time.process_time()
            async with anyio.create_task_group() as group:
                for _ in range(PRODUCERS):
                    group.start_soon(one)
                for _ in range(EACH):
                    while len(waiting) < PRODUCERS:
                        await anyio.lowlevel.checkpoint()
                    batch = waiting.copy()
                    waiting.clear()
                    await anyio.to_thread.run_sync(write, len(batch))
                    for future in batch:
                        future.set_result(None)
            cpu = min(cpu, (time.process_time() - began) / (PRODUCERS * EACH))
    return cpu


async def published(rounds: int) -> float:
    """CPU seconds per record with everything that is published beside: tiles, bundles, signed checkpoints."""
    cpu = float("inf")
    async with opened("file", Flushes(), SystemClock()) as trail:
        await produce(trail, 2)
        for _ in range(rounds):
            began = time.process_time()
            await produce(trail, 4 * EACH)
            await trail.checkpoint()
            cpu = min(cpu, (time.process_time() - began) / (PRODUCERS * 4 * EACH))
    return cpu


@attrs.frozen
class Pair:
    """One round of a trail alone and one of a trail with a copy: seconds a record, of CPU and by the clock."""

    alone: tuple[float, float]
    copied: tuple[float, float]


async def beside_a_copy(rounds: int) -> list[Pair]:
    """Two trails in turns: one alone, one with a copy on the same disk.

    CPU is counted until the copy has everything, the clock until everything is acknowledged.
    """
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        root = Path(folder)
        copies = {"offsite": FileAudit(root / "offsite")}
        async with (
            Keyring(MemoryVault(), FileState(root / "one"), subjects=MemoryState()) as one,
            Keyring(MemoryVault(), FileState(root / "other"), subjects=MemoryState()) as other,
            AuditTrail(FileAudit(root / "alone"), one, origin="clinic.example/audit") as alone,
            AuditTrail(FileAudit(root / "copied"), other, origin="clinic.example/audit", copies=copies) as copied,
        ):

            async def measured(trail: AuditTrail) -> tuple[float, float]:
                await trail.checkpoint()
                cpu, wall = time.process_time(), time.perf_counter()
                await produce(trail, 10 * EACH)
                wall = time.perf_counter() - wall
                await trail.catch_up()
                count = 10 * EACH * PRODUCERS
                return (time.process_time() - cpu) / count, wall / count

            await produce(alone, 2)
            await produce(copied, 2)
            pairs: list[Pair] = []
            for number in range(rounds):
                if number % 2:
                    pairs.append(Pair(alone=await measured(alone), copied=await measured(copied)))
                else:
                    after = await measured(copied)
                    pairs.append(Pair(alone=await measured(alone), copied=after))
            assert copied.copies()["offsite"].behind == 0
    return pairs


def rows(quick: bool) -> Iterable[Row]:
    """What recording promises."""
    rounds = 6 if quick else 30
    record = b"x" * 300
    digest = best_of(lambda: sha256(record).digest(), number=5000)
    cpu, wall, per_flush = on_asyncio(lambda: acknowledged("file", rounds))
    digest = min(digest, best_of(lambda: sha256(record).digest(), number=5000))
    yield Row(
        area="audit",
        name="record, 2 sealed fields, 64 producers (CPU)",
        ours=cpu,
        limit=digest,
        target=50.0,
        peers={"wall clock": wall, "bare event, future and flush": on_asyncio(lambda: bare(rounds))},
        note="of sha256(300 B); event, sealing, journal, flush, receipt, and the producers' tasks",
    )
    yield Row(
        area="audit",
        name="records per flush, 64 producers",
        ours=per_flush,
        target=48.0,
        unit="",
        better="higher",
    )
    everything = on_asyncio(lambda: published(2 if quick else 6))
    yield Row(
        area="audit",
        name="record, and what is published beside (CPU)",
        ours=everything,
        limit=digest,
        note="at full speed a checkpoint every 1,000 records: about 11 flushed documents each",
    )
    sqlite, _, _ = on_asyncio(lambda: acknowledged("sqlite", max(3, rounds // 3)))
    yield Row(area="audit", name="record on SQLite (CPU)", ours=sqlite, limit=digest, note="of sha256(300 B)")
    pairs = on_asyncio(lambda: beside_a_copy(8 if quick else 24))
    yield Row(
        area="audit",
        name="records a second of CPU beside a copy on files",
        ours=1 / median(pair.copied[0] for pair in pairs),
        limit=1 / median(pair.alone[0] for pair in pairs),
        ratio=median(pair.alone[0] / pair.copied[0] for pair in pairs),
        target=0.9,
        unit="/s",
        better="higher",
        peers={
            "by the clock": 1 / median(pair.copied[1] for pair in pairs),
            "by the clock, without a copy": 1 / median(pair.alone[1] for pair in pairs),
        },
        note="of a trail without one, in pairs of rounds; the copying is counted to its end",
    )
