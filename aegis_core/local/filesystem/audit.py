"""An audit primary in a folder: an append-only journal that several processes of one host may write.

The layout of the files is in `journal.py` and in ``docs/reference/audit-journal.md``.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar
from uuid import UUID

from anyio import to_thread

from aegis_core.audit.batch import admit
from aegis_core.audit.port import AuditCapabilities, AuditSink, Entry
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps, Environment
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.files import classify_os_error, durability_warning, make_folders, require_durable, require_there
from aegis_core.kernel.health import Health
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.segments import Segments, flush

T = TypeVar("T")

#: Most entries of one read.
_MOST: Final = 1000


class FileAudit:
    """Keeps entries in ``ROOT/journal/``.

    One append is one thread hop: lock, catch up with what other processes wrote, one write, one flush, unlock. A
    failed flush is final for its segment: the batch is cut off again, and the next one starts a new segment. In memory
    it keeps the id and the place of each entry, about 200 bytes.

    Arguments:
        root: the folder; made at `open`, readable by its owner only.
        environment: in production a network, overlay or memory file system is refused; elsewhere `health` tells.
        create: see `AdapterDeps`.
        sync: makes a file's bytes durable, given its descriptor; by default `fdatasync`, or ``F_FULLFSYNC`` on macOS.
    """

    name = "file"
    backends = EVERY_BACKEND

    def __init__(
        self,
        root: Path,
        /,
        *,
        environment: Environment = "development",
        create: bool = True,
        sync: Callable[[int], None] = flush,
    ) -> None:
        self._root = root.absolute()  # a later change of the working directory moves no trail
        self._create = create
        self._environment: Environment = environment
        self._warning = ""
        self._sync = sync
        self._lock = Lock()
        self._segments: Segments | None = None
        self._pid = 0

    @property
    def capabilities(self) -> AuditCapabilities:
        return AuditCapabilities(shared=True)

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._close)

    async def health(self) -> Health:
        segments = self._segments
        if segments is None or self._pid != os.getpid():
            return Health("down", "not open")
        facts = {"entries": segments.size, "torn": segments.torn, "segments": segments.number + 1}
        if segments.failed:
            return Health("degraded", "a flush failed: check the disk", facts)
        return Health("degraded" if self._warning else "up", self._warning, facts)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        code = classify_os_error(exc)
        # A disk that does not take the batch: the trail is down, whatever the number says.
        return ErrorCode.UNAVAILABLE if code is None and isinstance(exc, OSError) else code

    def native(self, type_: type[T], /) -> T | None:
        return self._root if isinstance(self._root, type_) else None

    async def append(self, entries: Sequence[Entry], /, *, expected_size: int) -> Sequence[int]:
        return await to_thread.run_sync(self._with, lambda segments: _append(segments, entries, expected_size))

    async def size(self) -> int:
        return await to_thread.run_sync(self._with, _size)

    async def read(self, start: int, stop: int, /) -> Sequence[Entry]:
        return await to_thread.run_sync(self._with, lambda segments: _read(segments, start, stop))

    async def find(self, event_id: UUID, /) -> int | None:
        return await to_thread.run_sync(self._with, lambda segments: _find(segments, event_id))

    def _open(self) -> None:
        if self._segments is not None and self._pid == os.getpid():
            return
        # After a fork nothing of the parent's is used: its lock may be held by a thread that is not here.
        if self._segments is not None:
            self._segments.close()
        self._lock = Lock()
        if not self._create:
            require_there(self._root / "journal", adapter=self.name)
        require_durable(self._root, self._environment, adapter=self.name)
        make_folders(self._root)
        self._warning = durability_warning(self._root)
        segments = Segments(self._root / "journal", self._sync)
        try:
            with segments.locked():
                segments.catch_up()
        except BaseException:
            segments.close()
            raise
        self._segments, self._pid = segments, os.getpid()

    def _close(self) -> None:
        if self._segments is None:
            return
        if self._pid == os.getpid():
            with self._lock:
                self._segments.close()
        else:
            self._segments.close()
        self._segments = None

    def _with(self, work: Callable[[Segments], T]) -> T:
        if self._pid not in {0, os.getpid()}:
            raise ForkedError("the audit journal")
        with self._lock:
            if self._segments is None:
                raise AegisError(ErrorCode.UNAVAILABLE, "the audit journal is not open", adapter=self.name)
            return work(self._segments)


def _append(segments: Segments, entries: Sequence[Entry], expected_size: int) -> Sequence[int]:
    with segments.locked():
        segments.catch_up()
        size = segments.size
        numbers = [entry.id.int for entry in entries]
        if size == expected_size and segments.index.keys().isdisjoint(numbers) and len(set(numbers)) == len(numbers):
            # What `admit` would say, without asking entry by entry.
            if entries:
                segments.append(entries, numbers)
            return range(size, size + len(entries))
        admission = admit(
            entries,
            expected_size=expected_size,
            size=size,
            find=lambda event_id: segments.index.get(event_id.int),
            body=lambda index: segments.read(index, index + 1)[0].body,
            adapter=FileAudit.name,
        )
        if admission.fresh:
            segments.append(admission.fresh, [entry.id.int for entry in admission.fresh])
        return admission.indexes


def _size(segments: Segments) -> int:
    with segments.locked():
        segments.catch_up()
        return segments.size


def _read(segments: Segments, start: int, stop: int) -> Sequence[Entry]:
    if stop > segments.size:
        with segments.locked():
            segments.catch_up()
    start = max(start, 0)
    return segments.read(start, min(stop, start + _MOST, segments.size))


def _find(segments: Segments, event_id: UUID) -> int | None:
    index = segments.index.get(event_id.int)
    if index is None:
        with segments.locked():
            segments.catch_up()
        index = segments.index.get(event_id.int)
    return index


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> AuditSink:
    """Make one from ``file:ROOT``."""
    check_options(url)
    return FileAudit(local_path(url), environment=deps.environment, create=deps.create)
