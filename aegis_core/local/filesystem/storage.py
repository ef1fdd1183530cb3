"""Objects as files below one folder: written beside, made durable, then published by one rename or link."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import durability_warning, sync_file
from aegis_core.kernel.health import Health
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.key_paths import place_of
from aegis_core.local.filesystem.object_folder import (
    HEADER_SIZE,
    MAGIC,
    NAME,
    ObjectFolder,
    classify,
    date_of,
    describe,
)
from aegis_core.storage.hops import HopReader, HopWriter
from aegis_core.storage.model import (
    LARGEST_PIECE,
    ByteRange,
    Key,
    Match,
    ObjectInfo,
    Page,
    Replace,
    checked_key,
    checked_listing,
)
from aegis_core.storage.port import StorageCapabilities

T = TypeVar("T")


class FileStorage:
    """Implements `StorageAdapter` over a folder, for any number of processes of one host.

    Arguments:
        root: the folder; made at open, readable for its owner only.
        deps: entropy, for etags and names of temporary files, and the environment.
    """

    name = NAME
    backends = EVERY_BACKEND
    capabilities = StorageCapabilities(create=True, match=True)

    def __init__(self, root: Path | str, /, deps: AdapterDeps | None = None) -> None:
        self.root = Path(root).absolute()  # a later change of the working directory moves no store
        self._folder = ObjectFolder(self.root, AdapterDeps() if deps is None else deps)

    async def open(self) -> None:
        await anyio.to_thread.run_sync(self._folder.open)

    async def aclose(self) -> None:
        return None

    async def health(self) -> Health:
        return await anyio.to_thread.run_sync(self._health)

    def _health(self) -> Health:
        try:
            space = os.statvfs(self.root)
            warning = durability_warning(self.root)
        except OSError as error:
            return Health("down", error.strerror or "the folder cannot be read")
        free = space.f_bavail * space.f_frsize
        warning = warning if free else "the disk is full"
        return Health("degraded" if warning else "up", warning, {"free_bytes": free})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return classify(exc)

    def native(self, type_: type[T], /) -> T | None:
        return self.root if isinstance(self.root, type_) else None

    async def stat(self, key: Key, /) -> ObjectInfo:
        place = place_of(checked_key(key))
        return await anyio.to_thread.run_sync(self._folder.stat, key, place)

    def read(self, key: Key, /, *, range: ByteRange | None = None) -> "FileReader":
        return FileReader(self._folder, checked_key(key), range)

    def write(self, key: Key, /, *, replace: Replace) -> "FileWriter":
        return FileWriter(self._folder, checked_key(key), replace)

    async def list(self, prefix: str, /, *, after: Key | None = None, limit: int = 1000) -> Page:
        checked_listing(prefix, limit)
        return await anyio.to_thread.run_sync(self._folder.list, prefix, after or "", limit)

    async def delete(self, key: Key, /, *, only: Match | None = None) -> None:
        place = place_of(checked_key(key))
        await anyio.to_thread.run_sync(self._folder.delete, key, place, only)


class FileReader(HopReader):
    """Reads the object that lay there at the first `read`, also when another takes its place meanwhile."""

    def __init__(self, folder: ObjectFolder, key: Key, range: ByteRange | None) -> None:
        super().__init__(adapter=NAME)
        self._folder = folder
        self._key = key
        self._place = place_of(key)
        self._range = range
        self._file: int | None = None
        self._mark: tuple[int, int] = (0, 0)
        self._buffer = bytearray()

    def start(self) -> tuple[ObjectInfo, int, int]:
        self._file = self._folder.open_object(self._place)
        self._mark = self._look()
        info = describe(self._file, self._key)
        start, stop = (self._range or ByteRange(0)).within(info.stored_size)
        self._buffer = bytearray(min(stop - start, LARGEST_PIECE))
        return info, start, stop

    def _look(self) -> tuple[int, int]:
        assert self._file is not None
        now = os.fstat(self._file)
        return now.st_size, now.st_mtime_ns

    def fetch(self, start: int, size: int, /) -> memoryview:
        assert self._file is not None
        filled = 0
        buffer = memoryview(self._buffer)[:size]
        while filled < size:
            got = os.preadv(self._file, [buffer[filled:]], HEADER_SIZE + start + filled)
            if not got:
                break
            filled += got
        if filled < size or self._look() != self._mark:
            raise AegisError(
                ErrorCode.CONFLICT,
                "the file was changed while it was read: nothing but this store may write here",
                adapter=NAME,
            )
        return buffer

    def release(self) -> None:
        self._buffer = bytearray()
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


class FileWriter(HopWriter):
    """Writes one object into a file of its own, and publishes that."""

    def __init__(self, folder: ObjectFolder, key: Key, replace: Replace) -> None:
        super().__init__(adapter=NAME)
        self._folder = folder
        self._key = key
        self._replace = replace
        self._file: int | None = None
        self._path: Path | None = None
        self._etag = b""
        self._size = 0

    def pour(self, pieces: Iterable[bytes | memoryview], /) -> None:
        file = self._file
        if file is None:
            file, self._path = self._folder.new_temporary()
            self._file = file
            self._etag = self._folder.entropy.octets(16)
            _write_all(file, MAGIC + self._etag)
        for piece in pieces:
            self._size += _write_all(file, piece)

    def publish(self) -> ObjectInfo:
        assert self._file is not None
        assert self._path is not None
        sync_file(self._file)
        modified = date_of(os.fstat(self._file))
        self._folder.publish(self._key, self._path, self._replace)
        self._path = None
        file, self._file = self._file, None
        os.close(file)
        return ObjectInfo(self._key, self._size, self._etag.hex(), modified)

    def abandon(self) -> None:
        try:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
                self._path = None
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _write_all(file: int, piece: bytes | memoryview) -> int:
    size = len(piece) if isinstance(piece, bytes) else piece.nbytes
    done = os.write(file, piece)
    if done < size:
        with memoryview(piece).cast("B") as view:
            while done < size:
                done += os.write(file, view[done:])
    return size


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> FileStorage:
    """Make one from ``file:FOLDER`` (relative to the working directory) or ``file:///FOLDER``."""
    check_options(url)
    return FileStorage(local_path(url), deps)
