"""Several processes on one trail, and processes that are killed in the middle of their work."""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aegis_core.audit.note import VerifierKey
from aegis_core.audit.verifier import verify_folder

from .writer import opened

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[3]
WRITER = Path(__file__).with_name("writer.py")
KILLS = int(os.environ.get("AEGIS_KILLS", "3"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # the processes run a loop of their own; once is enough


class Process:
    """A writer, and the lines that it said."""

    def __init__(self, home: Path, kind: str, count: int, number: int) -> None:
        command = [sys.executable, str(WRITER), str(home), kind, str(count), str(number)]
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: list[str] = []
        self.grown = threading.Condition()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        for line in self.popen.stdout:
            if line.endswith(b"\n"):  # a line that was cut short was told to nobody
                with self.grown:
                    self.lines.append(line.decode().strip())
                    self.grown.notify_all()

    def await_lines(self, count: int) -> None:
        with self.grown:
            assert self.grown.wait_for(lambda: len(self.lines) >= count or self.popen.poll() is not None, timeout=60)

    def end(self) -> int:
        status = self.popen.wait(timeout=90)
        self.thread.join(timeout=10)
        errors = self.popen.stderr.read().decode()
        self.popen.stdout.close()
        self.popen.stderr.close()
        assert status <= 0, errors
        return status

    def acknowledged(self) -> dict[str, int]:
        return {line.split()[0]: int(line.split()[1]) for line in self.lines if line != "open"}


async def stored(home: Path, kind: str) -> dict[str, list[int]]:
    """Id → the indexes under which it lies; checked against the checkpoint, and by software that only reads files."""
    found: dict[str, list[int]] = {}
    async with opened(home, kind) as trail:
        await trail.checkpoint()
        verdict = await trail.verify()
        assert verdict.intact, verdict.findings
        keys = [VerifierKey.decode(text) for text in await trail.verifier_keys()]
        async for event in trail.entries():
            assert str(event.opened["name"]) == "[phi.name]"
            found.setdefault(str(event.event_id), []).append(event.index)
    assert verify_folder(home / "audit/log", keys, strict=True).intact
    return found


@pytest.mark.parametrize("kind", ["file", "sqlite"])
async def test_four_processes_share_one_trail(tmp_path, kind):
    processes = [Process(tmp_path, kind, 200, number) for number in range(4)]
    for process in processes:
        assert process.end() == 0
    found = await stored(tmp_path, kind)
    acknowledged = {}
    for process in processes:
        acknowledged |= process.acknowledged()
    assert len(acknowledged) == 800
    assert found == {event_id: [index] for event_id, index in acknowledged.items()}


@pytest.mark.parametrize("kind", ["file", "sqlite"])
async def test_what_was_acknowledged_before_a_kill_is_there_exactly_once(tmp_path, kind):
    print(f"KILL_SEED={SEED}")
    chance = random.Random(f"{SEED} {kind}")
    acknowledged = {}
    for number in range(KILLS):
        process = Process(tmp_path, kind, 5000, number)
        process.await_lines(chance.randrange(2, 200))
        threading.Event().wait(chance.random() * 0.02)  # somewhere inside the work, not right after a receipt
        process.popen.kill()
        assert process.end() < 0, "it was killed while it worked"
        assert process.acknowledged(), "there was progress before the kill"
        acknowledged |= process.acknowledged()
    found = await stored(tmp_path, kind)
    for event_id, index in acknowledged.items():
        assert found[event_id] == [index]
    assert all(len(indexes) == 1 for indexes in found.values())
