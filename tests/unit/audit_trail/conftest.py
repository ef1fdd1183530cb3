"""A clinic's trail over local adapters, and a clock that stands still until it is moved."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, ClassVar

import anyio
import attrs
import pytest

from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI

ORIGIN = "clinic.example/audit"


@attrs.frozen
class ReportFiled(AuditEvent):
    action: ClassVar[str] = "report.filed"

    report: str
    name: Annotated[str, PHI.NAME] = "Somchai Jaidee"
    result: Annotated[str, PHI.RESULT] = "positive"
    pages: int = 1


@attrs.frozen
class Started(AuditEvent):
    action: ClassVar[str] = "app.started"

    number: int = 0


class StillClock:
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._changed = anyio.Event()

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return 1_795_000_000_000_000_000 + int(self.now * 1e9)

    async def sleep(self, seconds: float, /) -> None:
        until = self.now + seconds
        while self.now < until:
            await self._changed.wait()

    def sleep_sync(self, seconds: float, /) -> None:
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        self.now += seconds
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


def doctor(subject: str | None = "HN-0001", *, tenant: str | None = None):
    who = Principal("dr-a", "test", frozenset({"physician", "admin"}))
    return acting(who, purpose=Purpose.TREATMENT, subject=subject, tenant=tenant)


async def until(condition) -> None:
    """Let other tasks run until something holds."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.001)


@attrs.define
class Clinic:
    """One folder with a journal and a published log; trails over it, as processes would open them."""

    root: Path
    stack: AsyncExitStack
    ring: Keyring
    state: object
    clock: StillClock
    memory: MemoryAudit

    def sink(self):
        return FileAudit(self.root)

    async def trail(self, sink=None, **options) -> AuditTrail:
        options.setdefault("clock", self.clock)
        trail = AuditTrail(self.sink() if sink is None else sink, self.ring, origin=ORIGIN, **options)
        return await self.stack.enter_async_context(trail)

    def sink_of(self, trail: AuditTrail):
        return trail._sink

    def journal(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.root.glob("journal/*.segment")))

    def written(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.root.rglob("*")) if file.is_file())


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    clock = StillClock()
    state = FileState(tmp_path)
    async with AsyncExitStack() as stack:
        ring = Keyring(MemoryVault(), state, subjects=MemoryState(), clock=clock)
        await stack.enter_async_context(ring)
        yield Clinic(tmp_path, stack, ring, state, clock, MemoryAudit())
