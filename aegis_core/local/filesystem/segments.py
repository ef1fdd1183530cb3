"""The files of the audit journal: catch up, append, read. Blocking; called under the journal's lock."""

import os
import sys
from array import array
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aegis_core.audit.port import Entry
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import FILE_MODE, make_folders, sync_file, sync_folder
from aegis_core.local.filesystem.journal import (
    SEGMENT_HEADER,
    decode_frame,
    encode_batch,
    first_of_segment,
    scan,
    segment_header,
)

#: A batch that begins beyond this offset begins a new segment.
SEGMENT_SIZE: Final = 16 << 20

#: A place is the segment's number and the frame's offset in one integer.
_OFFSET_BITS: Final = 40
_OFFSET_MASK: Final = (1 << _OFFSET_BITS) - 1


def flush(descriptor: int, /) -> None:
    """Make a file's bytes durable; its times may wait."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        sync_file(descriptor)


class Segments:
    """The journal's folder as this process knows it.

    ``size`` entries are known, ``index`` has each one's index by its id, ``torn`` counts cut tails, ``failed`` says
    that a flush failed. ``number`` is the segment that is written to.
    """

    def __init__(self, folder: Path, sync: Callable[[int], None], /) -> None:
        if sys.platform == "win32":
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "the file journal needs POSIX locks and fsync: use sqlite: on Windows",
                operation="audit.open",
                adapter="file",
            )
        self._folder = folder
        self._sync = sync
        self._descriptor = -1
        self._end = 0
        self._next = ""
        self._places: array[int] = array("Q")
        self.index: dict[int, int] = {}
        self.number = -1
        self.torn = 0
        self.failed = False
        make_folders(folder)
        self._lock_file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)

    @property
    def size(self) -> int:
        """How many entries are known and durable."""
        return len(self._places)

    def close(self) -> None:
        """Let go of the descriptors."""
        for descriptor in (self._descriptor, self._lock_file):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._lock_file = -1

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep other processes out. The lock ends with the process, however it ends."""
        import fcntl

        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def catch_up(self) -> None:
        """Read what other processes wrote, cut the torn tail of one that was killed, and make the rest durable."""
        if self._descriptor < 0 and not self._enter(0):
            self._create()
        while True:
            self._read_on()
            if not os.access(self._next, os.F_OK):
                return
            self._enter(self.number + 1)

    def _read_on(self) -> None:
        length = os.fstat(self._descriptor).st_size
        if length == self._end:
            return
        if length < self._end:
            raise _damaged(self.number, length, self.size, "was cut after it was written")
        data = memoryview(_pread(self._descriptor, self._end, length))
        found = scan(data, self._end, self.size)
        self._learn(found.frames)
        self._end = found.end
        if found.rest == "damaged":
            raise _damaged(self.number, found.end, found.damaged, "was changed after it was written")
        if found.rest == "torn":
            if self._path(self.number + 1).exists():
                raise _damaged(self.number, found.end, self.size, "is missing, and others follow")
            os.ftruncate(self._descriptor, found.end)
            self.torn += 1
        # Whoever wrote this may have been killed before it was on the disk.
        self._sync(self._descriptor)

    def _learn(self, frames: Iterable[tuple[int, int]]) -> None:
        high, places, index = self.number << _OFFSET_BITS, self._places, self.index
        for key, offset in frames:
            index[key] = len(places)
            places.append(high | offset)

    def append(self, entries: Sequence[Entry], numbers: Sequence[int], /) -> None:
        """Write one batch at the end and make it durable; after an error it is as if nothing was written.

        Arguments:
            numbers: the id of each entry, as an integer.
        """
        if self.failed:
            os.ftruncate(self._descriptor, self._end)
        if self.failed or self._end >= SEGMENT_SIZE:
            self._create()
        data, offsets = encode_batch(entries, self.size)
        try:
            _pwrite(self._descriptor, data, self._end)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        try:
            self._sync(self._descriptor)
        except OSError:
            # What the disk holds now is unknown, and a second flush may lie: never trust this segment's end again.
            self.failed = True
            os.ftruncate(self._descriptor, self._end)
            raise
        base = self.number << _OFFSET_BITS | self._end
        size = self.size
        self.index.update(zip(numbers, range(size, size + len(offsets)), strict=True))
        self._places.extend([base + offset for offset in offsets])
        self._end += len(data)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.segment"

    def _enter(self, number: int) -> bool:
        """Go to a segment that is there; a header that was cut is written again."""
        try:
            descriptor = os.open(self._path(number), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        header = os.pread(descriptor, SEGMENT_HEADER, 0)
        first = first_of_segment(header)
        if first != self.size:
            is_torn = first is None and os.fstat(descriptor).st_size <= SEGMENT_HEADER
            if not is_torn:
                os.close(descriptor)
                raise _damaged(number, 0, self.size, "does not begin where the segment before it ends")
            self._begin(descriptor)
            self.torn += 1
        self._switch(number, descriptor)
        return True

    def _create(self) -> None:
        """Start the next segment, and make its name durable."""
        number = self.number + 1
        descriptor = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self._begin(descriptor)
        self._switch(number, descriptor)
        self.failed = False

    def _begin(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, 0)
            _pwrite(descriptor, segment_header(self.size), 0)
            self._sync(descriptor)
            sync_folder(self._folder)
        except BaseException:
            os.close(descriptor)
            raise

    def _switch(self, number: int, descriptor: int) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self.number, self._end = descriptor, number, SEGMENT_HEADER
        self._next = str(self._path(number + 1))

    def read(self, start: int, stop: int, /) -> list[Entry]:
        """Known entries ``start`` to ``stop``, each checked against its checksum."""
        entries: list[Entry] = []
        while start < stop:
            number = self._places[start] >> _OFFSET_BITS
            end = start + 1
            while end < stop and self._places[end] >> _OFFSET_BITS == number:
                end += 1
            entries += self._read_segment(number, start, end)
            start = end
        return entries

    def _read_segment(self, number: int, start: int, stop: int) -> list[Entry]:
        offsets = [place & _OFFSET_MASK for place in self._places[start:stop]]
        following = stop < self.size and self._places[stop] >> _OFFSET_BITS == number
        descriptor = self._descriptor if number == self.number else os.open(self._path(number), os.O_RDONLY)
        try:
            if following:
                end = self._places[stop] & _OFFSET_MASK
            else:
                end = self._end if number == self.number else os.fstat(descriptor).st_size
            data = _pread(descriptor, offsets[0], end)
        finally:
            if descriptor != self._descriptor:
                os.close(descriptor)
        entries: list[Entry] = []
        for index, offset in enumerate(offsets, start):
            entry = decode_frame(data, offset - offsets[0])
            if entry is None:
                raise _damaged(number, offset, index, "was changed after it was written")
            entries.append(entry)
        return entries


def _pread(descriptor: int, start: int, stop: int) -> bytes:
    parts: list[bytes] = []
    while start < stop:
        part = os.pread(descriptor, stop - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _pwrite(descriptor: int, data: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):  # a full disk takes a part, and says so at the next try
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)


def _damaged(number: int, offset: int, index: int, what: str) -> AegisError:
    return AegisError(
        ErrorCode.INTEGRITY,
        f"entry {index} {what} (segment {number}, byte {offset}): restore the journal from a copy",
        operation="audit.read",
        adapter="file",
    )
