"""A folder of objects, synchronously: what `FileStorage` does inside its thread hops.

Each file begins with 32 bytes of its own: 16 that say what it is, and 16 random ones made for each write. They are the
etag, so an etag never comes back, whatever the file system does with inodes and times.
"""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aegis_core.kernel.adapter import AdapterDeps, Environment
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import (
    FILE_MODE,
    FOLDER_MODE,
    classify_os_error,
    locked,
    make_folders,
    require_durable,
    require_there,
    sync_folder,
)
from aegis_core.local.filesystem.key_paths import OWN, Entry, Place, place_of
from aegis_core.storage.model import Key, Match, ObjectInfo, Page, Replace

NAME: Final = "file"
MAGIC: Final = b"aegis-object/1\n\0"
HEADER_SIZE: Final = len(MAGIC) + 16
WRITING: Final = f"{OWN}writing"
LOCKS: Final = f"{OWN}locks"


class ObjectFolder:
    """Objects as files below ``root``, published by one rename or link.

    Arguments:
        root: an absolute path.
        deps: entropy and environment.
    """

    def __init__(self, root: Path, deps: AdapterDeps, /) -> None:
        self.root = root
        self.entropy = deps.entropy
        self._environment: Environment = deps.environment
        self._create = deps.create

    def open(self) -> None:
        """Make the folder if need be, and clear away what killed writers left."""
        if sys.platform == "win32":
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "files cannot be made durable and locked here as this store promises: use another adapter on Windows",
                adapter=NAME,
            )
        if not self._create:
            require_there(self.root / LOCKS, adapter=NAME)
        require_durable(self.root, self._environment, adapter=NAME)
        make_folders(self.root)
        make_folders(self.root / WRITING)
        make_folders(self.root / LOCKS)
        if (self.root / LOCKS.upper()).exists():
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "this file system takes upper and lower case for the same, but keys do not: choose another folder",
                adapter=NAME,
            )
        self._sweep()

    def _sweep(self) -> None:
        import fcntl

        # A living writer holds a lock on its file; a file that can be locked is a dead one's.
        for path in (self.root / WRITING).iterdir():
            try:
                with closing(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            except (BlockingIOError, FileNotFoundError):
                continue

    def new_temporary(self) -> tuple[int, Path]:
        """Make a file to write into: its descriptor, locked until it is closed, and its path."""
        import fcntl

        while True:
            path = self.root / WRITING / self.entropy.octets(16).hex()
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return file, path
            os.close(file)  # swept between its making and its locking: make another

    def open_object(self, place: Place, /) -> int:
        """Open an object's file for reading.

        Raises:
            AegisError: ``not_found``.
        """
        try:
            return os.open(self._path(place), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            # The path would only repeat the key.
            raise AegisError(ErrorCode.NOT_FOUND, "there is no object with this key", adapter=NAME) from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _foreign() from None
            raise

    def stat(self, key: Key, place: Place, /) -> ObjectInfo:
        """Describe an object."""
        with closing(self.open_object(place)) as file:
            return describe(file, key)

    def publish(self, key: Key, temporary: Path, replace: Replace, /) -> None:
        """Give a finished and synced file the name of its key, as ``replace`` says; durable when this returns."""
        place = place_of(key)
        while True:
            self._make_folders(place)
            try:
                self._give_name(key, place, temporary, replace)
            except FileExistsError:
                raise AegisError(
                    ErrorCode.ALREADY_EXISTS, "an object with this key exists already", adapter=NAME
                ) from None
            except FileNotFoundError:
                # A deletion has just removed the folder, because it was empty. Or somebody took our file away.
                if not temporary.exists():
                    raise
                continue
            break
        # All folders, not only those made here: another process may have made one and not have synced it yet.
        for depth in range(len(place.folders), -1, -1):
            self._sync(self.root.joinpath(*place.folders[:depth]))
        if replace is False:
            temporary.unlink()

    def _give_name(self, key: Key, place: Place, temporary: Path, replace: Replace) -> None:
        if replace is False:
            self._path(place).hardlink_to(temporary)
            return
        with self._locked(key):
            if isinstance(replace, Match):
                self.must_match(key, place, replace)
            temporary.rename(self._path(place))

    def must_match(self, key: Key, place: Place, match: Match, /) -> None:
        """Make sure that the object with that etag is there."""
        try:
            found = self.stat(key, place).etag
        except AegisError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            found = None
        if found != match.etag:
            raise AegisError(
                ErrorCode.PRECONDITION_FAILED, "the object is not the one that was asked for", adapter=NAME
            ) from None

    def delete(self, key: Key, place: Place, only: Match | None, /) -> None:
        """Remove an object, and the folders that are empty then."""
        with self._locked(key):
            if only is not None:
                self.must_match(key, place, only)
            try:
                self._path(place).unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
        for depth in range(len(place.folders), 0, -1):
            folder = self.root.joinpath(*place.folders[:depth])
            self._sync(folder)
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                return
        self._sync(self.root)

    def list(self, prefix: str, after: str, limit: int, /) -> Page:
        """Give one page of the objects whose keys start with ``prefix`` and sort after ``after``."""
        found: list[ObjectInfo] = []
        for entry, path in self.walk(self.root, "", prefix, after):
            try:
                file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            with closing(file):
                if len(found) == limit:
                    return Page(tuple(found), found[-1].key)
                found.append(_describe_leniently(file, Key(entry.text)))
        return Page(tuple(found))

    def walk(self, folder: Path, text: str, prefix: str, after: str, /) -> Iterator[tuple[Entry, Path]]:
        """The objects in a folder of all keys that begin with ``text``, in the order of their keys."""
        entries: list[Entry] = []
        try:
            with os.scandir(folder) as names:
                for name in names:
                    if folder == self.root and name.name.startswith(OWN):
                        continue
                    entry = Entry.of(name.name, text)
                    if entry is None or not entry.may_hold(prefix, after):
                        continue
                    is_kind = name.is_dir if entry.kind == "folder" else name.is_file
                    if is_kind(follow_symlinks=False):
                        entries.append(entry)
        except FileNotFoundError:
            return
        for entry in sorted(entries):
            if entry.kind == "object":
                yield entry, folder / entry.name
            else:
                yield from self.walk(folder / entry.name, entry.text, prefix, after)

    def _path(self, place: Place) -> Path:
        return self.root.joinpath(*place.folders, place.file)

    @contextmanager
    def _locked(self, key: Key) -> Generator[None]:
        # A creation needs no lock: the link itself is the test. Everything that looks and then acts, or that could
        # come between a look and an act of another, does.
        stripe = hashlib.sha256(key.encode("ascii")).hexdigest()[:2]
        with locked(self.root / LOCKS / stripe):
            yield

    def _make_folders(self, place: Place) -> None:
        path = self.root
        for name in place.folders:
            path /= name
            try:
                path.mkdir(FOLDER_MODE)
            except FileExistsError:
                continue
            except FileNotFoundError:
                return  # removed meanwhile: the caller finds out and begins again

    def _sync(self, folder: Path) -> None:
        try:
            sync_folder(folder)
        except FileNotFoundError:
            return  # an emptied folder, removed meanwhile


@contextmanager
def closing(file: int, /) -> Generator[int]:
    """Close a descriptor at the end of a block."""
    try:
        yield file
    finally:
        os.close(file)


def describe(file: int, key: Key, /) -> ObjectInfo:
    """Describe an open object.

    Raises:
        AegisError: ``integrity`` if it is no file of this store.
    """
    now = os.fstat(file)
    header = os.pread(file, HEADER_SIZE, 0) if stat.S_ISREG(now.st_mode) else b""
    if len(header) != HEADER_SIZE or not header.startswith(MAGIC):
        raise _foreign()
    return ObjectInfo(key, now.st_size - HEADER_SIZE, header[len(MAGIC) :].hex(), date_of(now))


def _foreign() -> AegisError:
    return AegisError(
        ErrorCode.INTEGRITY, "a file in the store's folder was not written by it, or was damaged", adapter=NAME
    )


def _describe_leniently(file: int, key: Key) -> ObjectInfo:
    # One damaged file must not hide all others. Reading it says what is wrong; no condition matches its etag.
    try:
        return describe(file, key)
    except AegisError:
        now = os.fstat(file)
        return ObjectInfo(key, max(0, now.st_size - HEADER_SIZE), "", date_of(now))


def date_of(status: os.stat_result, /) -> datetime:
    """When a file was last written."""
    return datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)


def classify(exc: BaseException, /) -> ErrorCode | None:
    """The code of an `OSError` of this store."""
    code = classify_os_error(exc)
    # That an object is missing is said in words above: here it is the store's own folder that is gone.
    return ErrorCode.UNAVAILABLE if code is ErrorCode.NOT_FOUND else code
