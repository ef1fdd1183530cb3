"""Objects as files below one folder: written beside, made durable, then published by one rename or link.

Each file begins with 32 bytes of the adapter's own: 16 that say what it is, and 16 random ones made for each write.
They are the etag, so an etag never comes back, whatever the file system does with inodes and times.
"""

import errno
import hashlib
import os
import stat as modes
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import attrs

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.key_paths import OWN, Entry, Place, place_of
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

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")
P = ParamSpec("P")
Make = Callable[[], Iterable[bytes | memoryview]]

_MAGIC: Final = b"aegis-object/1\n\0"
_HEADER: Final = len(_MAGIC) + 16
_TEMPORARY: Final = f"{OWN}writing"
_LOCKS: Final = f"{OWN}locks"

_CODES: Final = {
    errno.ENOSPC: ErrorCode.RESOURCE_EXHAUSTED,
    errno.EDQUOT: ErrorCode.RESOURCE_EXHAUSTED,
    errno.EFBIG: ErrorCode.RESOURCE_EXHAUSTED,
    errno.EMFILE: ErrorCode.RESOURCE_EXHAUSTED,
    errno.ENFILE: ErrorCode.RESOURCE_EXHAUSTED,
    errno.EACCES: ErrorCode.PERMISSION_DENIED,
    errno.EPERM: ErrorCode.PERMISSION_DENIED,
    errno.EROFS: ErrorCode.PERMISSION_DENIED,
    errno.EIO: ErrorCode.UNAVAILABLE,
    errno.ENOENT: ErrorCode.UNAVAILABLE,  # the store's own folders are gone: an unmounted disk, or not opened
    errno.ESTALE: ErrorCode.UNAVAILABLE,
}


class FileStorage:
    """Implements `StorageAdapter` over a folder, for any number of processes of one host.

    Arguments:
        root: the folder; made at open, readable for its owner only.
        entropy: makes etags and names of temporary files.
    """

    name = "file"
    backends = EVERY_BACKEND
    capabilities = StorageCapabilities(create=True, match=True)

    def __init__(self, root: Path, /, *, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self.root = root.absolute()
        self._entropy = entropy

    async def open(self) -> None:
        """Make the folder if need be, and clear away what killed writers left."""
        await anyio.to_thread.run_sync(self._open)

    async def aclose(self) -> None:
        return None

    async def health(self) -> Health:
        def look() -> Health:
            try:
                space = os.statvfs(self.root)
            except OSError as error:
                return Health("down", error.strerror or "the folder cannot be read")
            free = space.f_bavail * space.f_frsize
            facts = {"free_bytes": free}
            return Health("up", facts=facts) if free else Health("degraded", "the disk is full", facts)

        return await anyio.to_thread.run_sync(look)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        if not isinstance(exc, OSError):
            return None
        return _CODES.get(exc.errno or 0, ErrorCode.INTERNAL)

    def native(self, type_: type[T], /) -> T | None:
        return self.root if isinstance(self.root, type_) else None

    async def stat(self, key: Key, /) -> ObjectInfo:
        place = place_of(checked_key(key))
        return await anyio.to_thread.run_sync(self._stat, key, place)

    def read(self, key: Key, /, *, range: ByteRange | None = None) -> "FileReader":
        return FileReader(self, checked_key(key), range)

    def write(self, key: Key, /, *, replace: Replace) -> "FileWriter":
        return FileWriter(self, checked_key(key), replace)

    async def list(self, prefix: str, /, *, after: Key | None = None, limit: int = 1000) -> Page:
        checked_listing(prefix, limit)
        return await anyio.to_thread.run_sync(self._list, prefix, after or "", limit)

    async def delete(self, key: Key, /, *, only: Match | None = None) -> None:
        place = place_of(checked_key(key))
        await anyio.to_thread.run_sync(self._delete, key, place, only)

    # What runs in the thread hop.

    def _open(self) -> None:
        if sys.platform == "win32":
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "files cannot be made durable and locked here as this store promises: use another adapter on Windows",
                adapter=self.name,
            )
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for own in (_TEMPORARY, _LOCKS):
            (self.root / own).mkdir(mode=0o700, exist_ok=True)
        if (self.root / _LOCKS.upper()).exists():
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "this file system takes upper and lower case for the same, but keys do not: choose another folder",
                adapter=self.name,
            )
        self._sweep()
        _sync_folder(self.root)
        _sync_folder(self.root.parent)

    def _sweep(self) -> None:
        # A living writer holds a lock on its file; a file that can be locked is a dead one's.
        for name in os.listdir(self.root / _TEMPORARY):  # noqa: PTH208 - names are all that is needed
            path = self.root / _TEMPORARY / name
            try:
                with _closing(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            except (BlockingIOError, FileNotFoundError):
                continue

    def _new_temporary(self) -> tuple[int, Path]:
        while True:
            path = self.root / _TEMPORARY / self._entropy.octets(16).hex()
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return file, path
            os.close(file)  # swept between its making and its locking: make another

    def _open_object(self, place: Place) -> int:
        try:
            return os.open(self.root.joinpath(*place.folders, place.file), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            # The path would only repeat the key.
            raise AegisError(ErrorCode.NOT_FOUND, "there is no object with this key", adapter=self.name) from None

    def _stat(self, key: Key, place: Place) -> ObjectInfo:
        with _closing(self._open_object(place)) as file:
            return _describe(file, key)

    @contextmanager
    def _locked(self, key: Key) -> Generator[None]:
        stripe = hashlib.sha256(key.encode("ascii")).hexdigest()[:2]
        with _closing(
            os.open(self.root / _LOCKS / stripe, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        ) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _must_match(self, key: Key, place: Place, match: Match) -> None:
        try:
            found = self._stat(key, place).etag
        except AegisError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            found = None
        if found != match.etag:
            raise AegisError(
                ErrorCode.PRECONDITION_FAILED, "the object is not the one that was asked for", adapter=self.name
            ) from None

    def _publish(self, key: Key, temporary: Path, replace: Replace) -> None:
        place = place_of(key)
        target = self.root.joinpath(*place.folders, place.file)
        while True:
            self._make_folders(place)
            try:
                if replace is False:
                    os.link(temporary, target)
                else:
                    with self._locked(key):
                        if isinstance(replace, Match):
                            self._must_match(key, place, replace)
                        os.rename(temporary, target)  # noqa: PTH104 - beside os.link
            except FileExistsError:
                raise AegisError(
                    ErrorCode.ALREADY_EXISTS, "an object with this key exists already", adapter=self.name
                ) from None
            except FileNotFoundError:
                # A deletion has just removed the folder, because it was empty. Or somebody took our file away.
                if not temporary.exists():
                    raise
                continue
            break
        self._sync_folders(place)
        if replace is False:
            temporary.unlink()

    def _make_folders(self, place: Place) -> None:
        path = self.root
        for name in place.folders:
            path /= name
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            except FileNotFoundError:
                return  # removed meanwhile: the caller finds out and begins again

    def _sync_folders(self, place: Place) -> None:
        # All of them, not only those made here: another process may have made one and not be there yet.
        for depth in range(len(place.folders), -1, -1):
            _sync_folder(self.root.joinpath(*place.folders[:depth]))

    def _delete(self, key: Key, place: Place, only: Match | None) -> None:
        with self._locked(key):
            if only is not None:
                self._must_match(key, place, only)
            try:
                self.root.joinpath(*place.folders, place.file).unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
        for depth in range(len(place.folders), 0, -1):
            folder = self.root.joinpath(*place.folders[:depth])
            _sync_folder(folder)
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                return
        _sync_folder(self.root)

    def _list(self, prefix: str, after: str, limit: int) -> Page:
        found: list[ObjectInfo] = []
        for entry, path in self._walk(self.root, "", prefix, after):
            key = Key(entry.text)
            try:
                file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            if len(found) == limit:
                os.close(file)
                return Page(tuple(found), found[-1].key)
            with _closing(file):
                found.append(_list_entry(file, key))
        return Page(tuple(found))

    def _walk(self, folder: Path, text: str, prefix: str, after: str) -> Iterator[tuple[Entry, Path]]:
        entries: list[Entry] = []
        try:
            with os.scandir(folder) as names:
                for name in names:
                    entry = Entry.of(name.name, text)
                    if entry is None or not entry.may_hold(prefix, after):
                        continue
                    if name.is_dir(follow_symlinks=False) == (entry.kind == "folder"):
                        entries.append(entry)
        except FileNotFoundError:
            return
        for entry in sorted(entries):
            if entry.kind == "object":
                yield entry, folder / entry.name
            else:
                yield from self._walk(folder / entry.name, entry.text, prefix, after)


class FileReader:
    """Reads the object that lay there at the first `read`, also when another takes its place meanwhile."""

    def __init__(self, store: FileStorage, key: Key, range: ByteRange | None) -> None:
        self._store = store
        self._key = key
        self._place = place_of(key)
        self._range = range
        self._info: ObjectInfo | None = None
        self._began = self._closed = self._ended = False
        self._lock = threading.Lock()  # a task that is cancelled natively leaves its thread running
        self._file: int | None = None
        self._mark: tuple[int, int] = (0, 0)
        self._buffer = bytearray()
        self._at = self._stop = 0

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "info is known from the first read on")
        return self._info

    async def read(self, take: Callable[[memoryview], T], /) -> T | None:
        if self._closed:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this reader is closed")
        if self._ended:
            return None
        self._began = True
        return await anyio.to_thread.run_sync(self._read, take)

    async def aclose(self) -> None:
        self._closed = True
        if self._began and not (self._ended and self._file is None):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _read(self, take: Callable[[memoryview], T]) -> T | None:
        with self._lock:
            if self._closed:
                raise AegisError(ErrorCode.INVALID_ARGUMENT, "this reader is closed")
            if self._file is None:
                self._start()
            size = min(self._stop - self._at, LARGEST_PIECE)
            if size > 0:
                self._fill(size)
            self._at += size
            if self._at >= self._stop:
                self._ended = True
                self._close_file()
            if size <= 0:
                return None
            with memoryview(self._buffer)[:size] as view:
                return take(view)

    def _start(self) -> None:
        self._file = self._store._open_object(self._place)
        self._mark = self._look()
        info = _describe(self._file, self._key)
        self._at, self._stop = (self._range or ByteRange(0)).within(info.stored_size)
        self._buffer = bytearray(min(self._stop - self._at, LARGEST_PIECE))
        self._info = info

    def _look(self) -> tuple[int, int]:
        assert self._file is not None
        now = os.fstat(self._file)
        return now.st_size, now.st_mtime_ns

    def _fill(self, size: int) -> None:
        assert self._file is not None
        filled = 0
        with memoryview(self._buffer) as buffer:
            while filled < size:
                got = os.preadv(self._file, [buffer[filled:size]], _HEADER + self._at + filled)
                if not got:
                    break
                filled += got
        if filled < size or self._look() != self._mark:
            raise AegisError(
                ErrorCode.CONFLICT,
                "the file was changed while it was read: nothing but this store may write here",
                adapter=self._store.name,
            )

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _close(self) -> None:
        with self._lock:
            self._close_file()
            self._buffer = bytearray()


class FileWriter:
    """Writes one object into a file of its own, and publishes that.

    It holds one ``make`` back, so that an object that is written in one piece costs one thread hop.
    """

    def __init__(self, store: FileStorage, key: Key, replace: Replace) -> None:
        self._store = store
        self._key = key
        self._replace = replace
        self._held: Make | None = None
        self._state: Literal["usable", "failed", "closed"] = "usable"
        self._began = False
        self._lock = threading.Lock()  # a task that is cancelled natively leaves its thread running
        self._file: int | None = None
        self._path: Path | None = None
        self._etag = b""
        self._size = 0

    async def write(self, make: Make, /) -> None:
        self._must_be_usable()
        held, self._held = self._held, make
        if held is not None:
            await self._hop(self._drain, held)

    async def commit(self) -> ObjectInfo:
        self._must_be_usable()
        return await self._hop(self._commit)

    async def aclose(self) -> None:
        self._held = None
        if self._began and self._state != "closed":
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._discard)
        self._state = "closed"

    def _must_be_usable(self) -> None:
        if self._state != "usable":
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this writer is closed, committed or failed before")

    async def _hop(self, work: Callable[P, T], *arguments: P.args, **_named: P.kwargs) -> T:
        self._began = True
        try:
            return await anyio.to_thread.run_sync(work, *arguments)
        except BaseException:
            if self._state == "usable":
                self._state = "failed"
            raise

    # What runs in the thread hop.

    def _drain(self, make: Make) -> None:
        with self._lock:
            self._must_be_usable()
            self._write(make())

    def _write(self, pieces: Iterable[bytes | memoryview]) -> None:
        file = self._file
        if file is None:
            file, self._path = self._store._new_temporary()
            self._file = file
            self._etag = self._store._entropy.octets(16)
            _write_all(file, _MAGIC + self._etag)
        for piece in pieces:
            self._size += _write_all(file, piece)

    def _commit(self) -> ObjectInfo:
        with self._lock:
            self._must_be_usable()
            held, self._held = self._held, None
            self._write(held() if held is not None else ())
            assert self._file is not None
            assert self._path is not None
            _sync(self._file)
            modified = _date(os.fstat(self._file))
            self._store._publish(self._key, self._path, self._replace)
            self._state = "closed"
            self._path = None
            os.close(self._file)
            self._file = None
            return ObjectInfo(self._key, self._size, self._etag.hex(), modified)

    def _discard(self) -> None:
        with self._lock:
            self._state = "closed"
            try:
                if self._path is not None:
                    self._path.unlink(missing_ok=True)
                    self._path = None
            finally:
                if self._file is not None:
                    os.close(self._file)
                    self._file = None


@contextmanager
def _closing(file: int) -> Generator[int]:
    try:
        yield file
    finally:
        os.close(file)


def _describe(file: int, key: Key) -> ObjectInfo:
    now = os.fstat(file)
    header = os.pread(file, _HEADER, 0) if modes.S_ISREG(now.st_mode) else b""
    if len(header) != _HEADER or not header.startswith(_MAGIC):
        raise AegisError(
            ErrorCode.INTEGRITY, "a file in the store's folder was not written by it, or was damaged", adapter="file"
        )
    return ObjectInfo(key, now.st_size - _HEADER, header[len(_MAGIC) :].hex(), _date(now))


def _list_entry(file: int, key: Key) -> ObjectInfo:
    # One damaged file must not hide all others. Reading it says what is wrong; no condition matches its etag.
    try:
        return _describe(file, key)
    except AegisError:
        now = os.fstat(file)
        return ObjectInfo(key, max(0, now.st_size - _HEADER), "", _date(now))


def _date(now: os.stat_result) -> datetime:
    return datetime.fromtimestamp(now.st_mtime_ns / 1e9, UTC)


def _write_all(file: int, piece: bytes | memoryview) -> int:
    size = len(piece) if isinstance(piece, bytes) else piece.nbytes
    done = os.write(file, piece)
    if done < size:
        with memoryview(piece).cast("B") as view:
            while done < size:
                done += os.write(file, view[done:])
    return size


def _sync(file: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def _sync_folder(folder: Path) -> None:
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # an emptied folder, removed meanwhile
    with _closing(opened) as file:
        _sync(file)


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> FileStorage:
    """Make the adapter of ``file:ROOT``."""
    return FileStorage(Path(url.path), entropy=deps.entropy)
