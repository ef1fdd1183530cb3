"""A log sink that keeps its lines in memory, for tests."""

import threading

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.url import ServiceUrl


class MemorySink:
    """Keeps every line. Lines that come after `close` are counted as lost."""

    __slots__ = ("_closed", "_lock", "_lost", "lines")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._lock = threading.Lock()
        self._closed = False
        self._lost = 0

    def write(self, line: bytes, /) -> None:
        with self._lock:
            if self._closed:
                self._lost += 1
            else:
                self.lines.append(line)

    def close(self, *, deadline: float) -> int:
        with self._lock:
            self._closed = True
            return self._lost


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> MemorySink:
    """Make one for ``memory:``."""
    return MemorySink()
