"""An audit primary in memory: for tests and trials. It is gone when the process ends."""

import threading
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from aegis_core.audit.batch import admit
from aegis_core.audit.port import AuditCapabilities, AuditSink, Entry
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import check_options
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")


class MemoryAudit:
    """Keeps entries in a list. What it holds survives `aclose`, so that a test may open it again."""

    name = "memory"
    backends = EVERY_BACKEND

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._index: dict[UUID, int] = {}

    @property
    def capabilities(self) -> AuditCapabilities:
        return AuditCapabilities()

    async def open(self) -> None:
        return None

    async def aclose(self) -> None:
        return None

    async def health(self) -> Health:
        return Health("up", facts={"entries": len(self._entries), "torn": 0})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return None

    def native(self, type_: type[T], /) -> T | None:
        return None

    async def append(self, entries: Sequence[Entry], /, *, expected_size: int) -> Sequence[int]:
        with self._lock:
            admission = admit(
                entries,
                expected_size=expected_size,
                size=len(self._entries),
                find=self._index.get,
                body=lambda index: self._entries[index].body,
                adapter=self.name,
            )
            for entry in admission.fresh:
                self._index[entry.id] = len(self._entries)
                self._entries.append(entry)
            return admission.indexes

    async def size(self) -> int:
        return len(self._entries)

    async def read(self, start: int, stop: int, /) -> Sequence[Entry]:
        return self._entries[max(start, 0) : min(stop, start + 1000)]

    async def find(self, event_id: UUID, /) -> int | None:
        return self._index.get(event_id)


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> AuditSink:
    """Make one from ``memory:``. Two of them share nothing. Production refuses it."""
    check_options(url)
    if deps.environment == "production":
        problem = Problem(
            "AEGIS_AUDIT",
            "must not be memory: in production, where the trail would be lost with the process",
            hint="name a database, or a folder on a local disk: file:///var/lib/clinic/audit",
        )
        raise SettingsError([problem])
    return MemoryAudit()
