"""Files that are there whole or not at all, for their owner alone, and of which nothing stays if the work is ended."""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import anyio.to_thread

from aegis_core import AegisError, ErrorCode

T = TypeVar("T")

_MODE: Final = 0o600
#: A file without a name, which is gone with the process however that ends; other systems take a name that is removed.
_NAMELESS: Final = getattr(os, "O_TMPFILE", 0)
_NO_NAMELESS: Final = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", -1), errno.EFBIG}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


class Landing:
    """Writes one file: ``async with Landing(path) as file: await file.write(piece)``. Left without an error, the file
    bears its name and is on disk; else nothing is there that was not there before.

    Arguments:
        replace: whether a file of that name may go.
        operation: of the command, for errors.
    """

    def __init__(self, path: Path, /, *, replace: bool = False, operation: str) -> None:
        self._path = path
        self._replace = replace
        self._operation = operation
        self._fd = -1
        self._temporary: Path | None = None
        #: Bytes so far.
        self.size = 0

    async def __aenter__(self) -> Self:
        await self._hop(self._open)
        return self

    async def write(self, piece: bytes, /) -> None:
        """Write more."""
        await self._hop(lambda: self._write(piece))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            if error is None:
                await self._hop(self._land)
            else:
                await anyio.to_thread.run_sync(self._discard)

    async def _hop(self, work: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(work)
        except OSError as failure:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._discard)
            error = refused(failure, operation=self._operation)
            raise error from error.__cause__

    def _open(self) -> None:
        folder = self._path.parent
        if not self._replace and os.path.lexists(self._path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if _NAMELESS:
            try:
                self._fd = os.open(folder, _NAMELESS | os.O_WRONLY | os.O_CLOEXEC, _MODE)
                return
            except OSError as failure:
                if failure.errno not in _NO_NAMELESS or not folder.is_dir():
                    raise
        name = folder / self._part()
        self._fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _MODE)
        self._temporary = name

    def _write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            written = os.write(self._fd, view)
            self.size += written
            view = view[written:]

    def _land(self) -> None:
        os.fsync(self._fd)
        if self._temporary is None and self._replace:
            self._temporary = self._path.with_name(self._part())
            self._link(self._temporary)
        if self._temporary is None:
            self._link(self._path)
        elif self._replace:
            self._temporary.replace(self._path)
        else:
            self._path.hardlink_to(self._temporary)
            self._temporary.unlink()
        self._temporary = None
        os.close(self._fd)
        self._fd = -1
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _link(self, name: Path) -> None:
        # Only with a folder's descriptor does Python let the system follow what stands for an open file.
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.link(f"/proc/self/fd/{self._fd}", name.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

    def _part(self) -> str:
        return f".aegis-{os.getpid()}-{secrets.token_hex(4)}.part"

    def _discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None


def refused(failure: OSError, /, *, operation: str) -> AegisError:
    """The error for what the system says of a file. Its own text alone is the cause: a path may hold a name."""
    match failure.errno:
        case errno.EEXIST:
            code, told = ErrorCode.ALREADY_EXISTS, "a file of that name is there, and stays: --replace replaces it"
        case number if number in _FULL:
            code, told = ErrorCode.RESOURCE_EXHAUSTED, "the disk is full; no half file was left behind"
        case number if number in _FORBIDDEN:
            code, told = ErrorCode.PERMISSION_DENIED, "this user may not write there"
        case errno.ENOENT | errno.ENOTDIR:
            code, told = ErrorCode.NOT_FOUND, "there is no such folder to write into"
        case _:
            code, told = ErrorCode.INTERNAL, f"the file cannot be written: {os.strerror(failure.errno or 0)}"
    error = AegisError(code, told, operation=operation)
    error.__cause__ = OSError(failure.errno, os.strerror(failure.errno or 0))
    return error


async def land(path: Path, body: bytes, /, *, replace: bool = False, operation: str) -> None:
    """Write a small file whole.

    Raises:
        AegisError: ``already_exists``, ``resource_exhausted``, ``permission_denied``, ``not_found`` of the folder.
    """
    async with Landing(path, replace=replace, operation=operation) as file:
        await file.write(body)
