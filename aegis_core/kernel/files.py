"""Files that last: publishing whole files, locks between processes, and what a folder stands on.

Everything here blocks: call it in a worker thread. A name that was published is there whole, or not at all, whatever
ends the process; after a call has returned it is there after a power cut, too, as far as the disk keeps its word.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.errors import AegisError, ErrorCode

#: Mode of files and folders that we make: their owner's alone.
FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

#: Not inherited by programs that we start, and not through a symbolic link; as it is, not as text, on Windows.
_CAREFUL: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_CODES: Final = {
    ErrorCode.NOT_FOUND: (errno.ENOENT,),
    ErrorCode.ALREADY_EXISTS: (errno.EEXIST,),
    ErrorCode.PERMISSION_DENIED: (errno.EACCES, errno.EPERM, errno.EROFS),
    ErrorCode.RESOURCE_EXHAUSTED: (
        errno.ENOSPC,
        getattr(errno, "EDQUOT", -1),
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EFBIG,
        errno.EMLINK,
    ),
    ErrorCode.INVALID_ARGUMENT: (
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ENOTEMPTY,
    ),
    ErrorCode.UNAVAILABLE: (errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ETIMEDOUT, getattr(errno, "ESTALE", -1)),
    # A failed write or fsync: trying again may report success for pages that the kernel has dropped.
    ErrorCode.INTERNAL: (errno.EIO, errno.ENXIO),
}
_CODE_OF: Final = {number: code for code, numbers in _CODES.items() for number in numbers if number > 0}


def classify_os_error(exc: BaseException, /) -> ErrorCode | None:
    """The code of an `OSError`; None for other exceptions and for numbers that say nothing to a caller."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return _CODE_OF.get(exc.errno)
    return None


def sync_file(fd: int, /) -> None:
    """Put a file's bytes and its times on disk. On macOS through ``F_FULLFSYNC``, for ``fsync`` stops at the drive."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}:
                raise
        else:
            return
    os.fsync(fd)


def sync_folder(folder: Path, /) -> None:
    """Put a folder's entries on disk: names that came, changed or went."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_file(fd)
    finally:
        os.close(fd)


def make_folders(folder: Path, /) -> None:
    """Make a folder and those above it, durably; it is no error if they exist."""
    missing: list[Path] = []
    path = folder
    while not path.is_dir():
        missing.append(path)
        if path == path.parent:
            break
        path = path.parent
    for name in reversed(missing):
        try:
            name.mkdir(FOLDER_MODE)
        except FileExistsError:
            if not name.is_dir():
                raise
        sync_folder(name.parent)


def write_new(path: Path, pieces: Iterable[bytes | memoryview], /, *, mtime_ns: int | None = None) -> None:
    """Write a new file whole and put it on disk; its name is durable only once the folder is synced.

    A file that could not be finished is removed.

    Arguments:
        mtime_ns: the time of modification that it shall bear, in nanoseconds.

    Raises:
        OSError: `FileExistsError` if the name is taken.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL, FILE_MODE)
    try:
        try:
            for piece in pieces:
                _write_all(fd, piece)
            if mtime_ns is not None:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            sync_file(fd)
        finally:
            os.close(fd)
    except BaseException:
        remove_quietly(path)
        raise


def _write_all(fd: int, piece: bytes | memoryview) -> None:
    view = memoryview(piece).cast("B")
    written = 0
    while written < len(view):
        written += os.write(fd, view[written:])


def publish(temporary: Path, target: Path, /) -> None:
    """Give a finished file its name, in place of whatever bears it; durable when this returns."""
    temporary.replace(target)
    sync_folder(target.parent)


def publish_new(temporary: Path, target: Path, /) -> None:
    """Give a finished file its name, if nothing bears it; durable when this returns.

    Raises:
        OSError: `FileExistsError` if something does. The temporary file is gone in either case.
    """
    try:
        target.hardlink_to(temporary)  # atomic, and the one rename that never replaces on every POSIX file system
    finally:
        remove_quietly(temporary)
    sync_folder(target.parent)


def remove_quietly(path: Path, /) -> None:
    """Remove a file that may be gone already; what forbids it is not worth hiding another error for."""
    try:
        path.unlink()
    except OSError:
        return


@contextmanager
def locked(path: Path, /, *, wait: bool = True) -> Generator[int]:
    """Hold a lock that excludes other threads and processes of this host; yields the lock file's descriptor.

    The file is opened for this call alone, so that threads exclude one another and a fork inherits no lock for long.
    The kernel lets go of it when the process ends, however it ends.

    Arguments:
        wait: False raises instead of waiting.

    Raises:
        AegisError: ``unavailable`` if somebody holds it and ``wait`` is False; ``unsupported`` on Windows.
    """
    try:
        import fcntl
    except ImportError:
        raise AegisError(
            ErrorCode.UNSUPPORTED, "this system has no advisory file locks: keep this on a server's adapter instead"
        ) from None
    fd = os.open(path, os.O_RDWR | os.O_CREAT | _CAREFUL, FILE_MODE)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise AegisError(ErrorCode.UNAVAILABLE, "another process holds the lock; try again") from None
        try:
            yield fd
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def require_there(path: Path, /, *, adapter: str = "") -> None:
    """Refuse a place where nothing lies, for an adapter that was told to create nothing.

    Raises:
        AegisError: ``not_found``, not naming the place.
    """
    if not path.exists():
        raise nothing_there(adapter)


def nothing_there(adapter: str, /) -> AegisError:
    """The error of an adapter that was told to create nothing, and found nothing: the same words from every one."""
    return AegisError(
        ErrorCode.NOT_FOUND,
        "nothing lies there yet: the application makes it when it first opens",
        operation="open",
        adapter=adapter,
    )


# --------------------------------------------------------------------------------------------------- file systems

Kind: TypeAlias = Literal["local", "memory", "overlay", "network", "unknown"]

_LOCAL = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "apfs", "hfs", "ufs", "ntfs3",
})  # fmt: skip
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "lustre", "afs", "gpfs", "ocfs2",
    "gfs2", "beegfs", "vboxsf", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.ceph", "fuse.rclone",
})  # fmt: skip
_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_OVERLAY = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})


@attrs.frozen
class FileSystem:
    """What a folder stands on: the system's name for it, and whether a file there is this host's and lasts."""

    name: str
    kind: Kind


def filesystem_of(path: Path, /, *, mounts: Callable[[], str] | None = None) -> FileSystem:
    """The file system under a path, or under the nearest folder above that exists.

    Arguments:
        mounts: gives the text of ``/proc/self/mountinfo``; elsewhere than on Linux the answer is ``unknown``.
    """
    real = os.path.realpath(path)
    try:
        text = mounts() if mounts is not None else _read_mounts()
    except OSError:
        return FileSystem("unknown", "unknown")
    best, name = -1, "unknown"
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split()
        if len(words) < 5 or not rest:
            continue
        point = _unescape(words[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # >=: a later mount on the same point covers the earlier
            best, name = len(point), rest.split()[0]
    return FileSystem(name, _kind_of(name))


def _read_mounts() -> str:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")


def _unescape(text: str) -> str:
    for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(escaped, plain)
    return text


def _kind_of(name: str) -> Kind:
    if name in _LOCAL:
        return "local"
    if name in _MEMORY:
        return "memory"
    if name in _OVERLAY:
        return "overlay"
    if name in _NETWORK:
        return "network"
    return "unknown"


_WHY: Final[dict[Kind, str]] = {
    "memory": "its files are gone when the machine stops",
    "overlay": "a container's layer goes with the container",
    "network": "locks and fsync do not hold between its hosts",
}


def durability_warning(path: Path, /) -> str:
    """Why a folder's files may not last, for ``health`` and doctor; empty where they do, as far as can be known."""
    under = filesystem_of(path)
    if under.kind == "local":
        return ""
    return f"it lies on a {under.name} file system: " + _WHY.get(under.kind, "whether its files last is not known")


def require_durable(path: Path, environment: Environment, /, *, adapter: str = "") -> None:
    """Refuse a network, overlay or memory file system in production; elsewhere `durability_warning` tells of it.

    Raises:
        AegisError: ``unsupported``, naming the file system and not the folder.
    """
    if environment != "production":
        return
    under = filesystem_of(path)
    if under.kind in _WHY:
        raise AegisError(
            ErrorCode.UNSUPPORTED,
            f"the folder lies on a {under.name} file system, and {_WHY[under.kind]}: name a folder on a local disk",
            operation="open",
            adapter=adapter,
        )


def read_whole(path: Path, /, *, largest: int) -> tuple[bytes, os.stat_result]:
    """Read a regular file and its status from one descriptor, so that both are of the same file.

    Raises:
        AegisError: ``resource_exhausted`` if it is larger than ``largest`` bytes.
        OSError: `FileNotFoundError` if there is none, or if the name is a folder's.
    """
    fd = os.open(path, os.O_RDONLY | _CAREFUL)
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "a folder, not a file")
        if status.st_size > largest:
            raise AegisError(ErrorCode.RESOURCE_EXHAUSTED, f"the file is larger than {largest} bytes")
        body = os.read(fd, status.st_size + 1)
        if len(body) < status.st_size:
            chunks = [body]
            while chunk := os.read(fd, 1 << 20):
                chunks.append(chunk)
            body = b"".join(chunks)
        return body, status
    finally:
        os.close(fd)
