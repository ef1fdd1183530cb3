"""The kit of the audit port over the local adapters, and over adapters with planted bugs."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from aegis_core.audit.port import AuditSink, Entry
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.filesystem.journal import encode_batch, scan
from aegis_core.local.filesystem.segments import Segments, flush
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.sqlite.audit import SqliteAudit
from aegis_core.testing.kit import HarnessFactory, Subject, kill_rate, pytest_cases
from aegis_core.testing.kits.audit import AuditHarness, AuditHarnessCapabilities, audit_kit, make_entries


class Opened:
    """Closes what it opened."""

    def __init__(self) -> None:
        self.sinks: list[AuditSink] = []

    async def opened(self, sink: AuditSink) -> AuditSink:
        await sink.open()
        self.sinks.append(sink)
        return sink

    async def crash(self) -> None:
        raise NotImplementedError

    async def tear(self) -> None:
        raise NotImplementedError

    async def damage(self, body: bytes) -> None:
        raise NotImplementedError


class MemoryHarness(Opened):
    capabilities = AuditHarnessCapabilities(shared=True, restarts=True)

    def __init__(self, make: Callable[[], AuditSink]) -> None:
        super().__init__()
        self.one = make()

    async def sink(self) -> AuditSink:
        return await self.opened(self.one)


class FileHarness(Opened):
    """Knows how long each file was when it was last flushed."""

    capabilities = AuditHarnessCapabilities(shared=True, restarts=True, crashes=True, tears=True, damages=True)

    def __init__(self, root: Path, make: Callable[..., AuditSink] = FileAudit) -> None:
        super().__init__()
        self.root = root / "a"
        self.make = make
        self.flushed: dict[int, int] = {}

    def sync(self, descriptor: int) -> None:
        flush(descriptor)
        status = os.fstat(descriptor)
        self.flushed[status.st_ino] = status.st_size

    async def sink(self) -> AuditSink:
        return await self.opened(self.make(self.root, sync=self.sync))

    async def crash(self) -> None:
        survivor = self.root.with_name("b")
        for file in sorted(self.root.rglob("*")):
            target = survivor / file.relative_to(self.root)
            if file.is_dir():
                target.mkdir(parents=True)
            elif (size := self.flushed.get(file.stat().st_ino)) is not None:
                target.write_bytes(file.read_bytes()[:size])
        self.root = survivor

    async def tear(self) -> None:
        last = max(self.root.glob("journal/*.segment"))
        data, _ = encode_batch(make_entries(4), 5)
        last.write_bytes(last.read_bytes() + data[: len(data) * 2 // 3])

    async def damage(self, body: bytes) -> None:
        for file in self.root.glob("journal/*.segment"):
            content = bytearray(file.read_bytes())
            # The id at its start may be the byte that was changed before: look for the end of it.
            at = content.find(body[10:])
            if at >= 0:
                content[at - 5] ^= 1
                with file.open("r+b") as stream:
                    stream.write(content)
                return
        raise AssertionError("no such entry")


class SqliteHarness(Opened):
    capabilities = AuditHarnessCapabilities(shared=True, restarts=True, crashes=True)

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root / "a"

    async def sink(self) -> AuditSink:
        return await self.opened(SqliteAudit(self.root / "trail.db"))

    async def crash(self) -> None:
        # What a killed process leaves: the file and its journal, without the last words of a connection.
        survivor = self.root.with_name("b")
        shutil.copytree(self.root, survivor)
        self.root = survivor


@asynccontextmanager
async def entered(make: Callable[[Path], AuditHarness]) -> AsyncGenerator[AuditHarness]:
    with tempfile.TemporaryDirectory() as folder:
        harness = make(Path(folder))
        try:
            yield harness
        finally:
            for sink in harness.sinks:
                await sink.aclose()


def harness(make: Callable[[Path], AuditHarness]) -> Callable[[], AbstractAsyncContextManager[AuditHarness]]:
    return partial(entered, make)


HARNESSES: dict[str, HarnessFactory[AuditHarness]] = {
    "memory": harness(lambda _: MemoryHarness(MemoryAudit)),
    "file": harness(FileHarness),
    "sqlite": harness(SqliteHarness),
}
SUBJECTS = {
    "memory": Subject("memory"),
    "file": Subject(
        "file", emulated={"shared": "a lock for each batch, under which it first reads what others have appended"}
    ),
    "sqlite": Subject("sqlite"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(audit_kit, HARNESSES, SUBJECTS))
async def test_local_primaries_keep_every_promise(check) -> None:
    await check()


# ------------------------------------------------------------------------------------------------- planted bugs


class StoresTwice(MemoryAudit):
    async def append(self, entries, /, *, expected_size):
        self._index = {}
        return await super().append(entries, expected_size=expected_size)


class IgnoresSize(MemoryAudit):
    async def append(self, entries, /, *, expected_size):
        return await super().append(entries, expected_size=len(self._entries))


class ChangesOrder(MemoryAudit):
    async def append(self, entries, /, *, expected_size):
        ordered = sorted(entries, key=lambda entry: entry.id)
        indexes = dict(
            zip([e.id for e in ordered], await super().append(ordered, expected_size=expected_size), strict=True)
        )
        return [indexes[entry.id] for entry in entries]


class StoresPart(MemoryAudit):
    async def append(self, entries, /, *, expected_size):
        indexes = []
        for entry in entries:
            indexes += await super().append([entry], expected_size=expected_size + len(set(indexes)))
        return indexes


class TakesOtherBody(MemoryAudit):
    async def append(self, entries, /, *, expected_size):
        known = [Entry(e.id, self._entries[self._index[e.id]].body) if e.id in self._index else e for e in entries]
        return await super().append(known, expected_size=expected_size)


class ReadsOneMore(MemoryAudit):
    async def read(self, start, stop, /):
        return await super().read(start, stop + 1)


class AcknowledgesEarly(FileAudit):
    def __init__(self, root, /, *, sync):
        super().__init__(root, sync=lambda descriptor: sync(descriptor) if os.fstat(descriptor).st_size < 50 else None)


class KeepsTornTail(FileAudit):
    """Steps over what it cannot read instead of cutting it."""

    def _open(self) -> None:
        class Keeping(Segments):
            def _read_on(self):
                length = os.fstat(self._descriptor).st_size
                found = scan(memoryview(os.pread(self._descriptor, length, self._end)), self._end, self.size)
                self._learn(found.frames)
                self._end = length

        segments = Keeping(self._root / "journal", self._sync)
        segments.catch_up()
        self._segments, self._pid = segments, os.getpid()


class NeverCatchesUp(FileAudit):
    def _open(self) -> None:
        super()._open()
        self._segments.catch_up = lambda: None


class CutsDamage(FileAudit):
    """Takes whatever it cannot read for a torn tail."""

    def _open(self) -> None:
        for file in self._root.glob("journal/*.segment"):
            found = scan(memoryview(file.read_bytes())[20:], 20, 0)
            os.truncate(file, found.end)
        super()._open()


def test_the_kit_rejects_every_planted_bug(capsys) -> None:
    bugs: dict[str, HarnessFactory[AuditHarness]] = {
        "acknowledged before durable": harness(lambda root: FileHarness(root, AcknowledgesEarly)),
        "duplicate id stored twice": harness(lambda _: MemoryHarness(StoresTwice)),
        "torn tail kept": harness(lambda root: FileHarness(root, KeepsTornTail)),
        "expected size ignored": harness(lambda _: MemoryHarness(IgnoresSize)),
        "order changed": harness(lambda _: MemoryHarness(ChangesOrder)),
        "part of a batch stored": harness(lambda _: MemoryHarness(StoresPart)),
        "other body taken": harness(lambda _: MemoryHarness(TakesOtherBody)),
        "range off by one": harness(lambda _: MemoryHarness(ReadsOneMore)),
        "blind to other processes": harness(lambda root: FileHarness(root, NeverCatchesUp)),
        "damage taken for a torn tail": harness(lambda root: FileHarness(root, CutsDamage)),
    }
    report = kill_rate(audit_kit, bugs)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
    assert report.killed_by["acknowledged before durable"] == ("acknowledged_means_durable",)
    assert report.killed_by["torn tail kept"] == ("a_torn_tail_is_cut_and_counted",)
