"""The folder of one export: locked while it is written, told apart from a whole one, and continued where it ended."""

import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import attrs

from aegis_cli.export.layout import MANIFEST, PROGRESS, UNFINISHED, line
from aegis_cli.landing import refused
from aegis_cli.output import Json
from aegis_core import AegisError, ErrorCode

OPERATION: Final = "export"


@attrs.frozen
class Copied:
    """An object that an earlier run has copied.

    Arguments:
        etag: of the object then: another one has to be copied again.
        at: where its line begins in the progress file.
    """

    etag: str
    at: int


class ExportFolder:
    """Used with ``with``, by one process at a time. Everything here blocks for a moment only.

    Arguments:
        path: made if it is not there.
        opened: whether sealed data is revealed into it: one export is all of one kind.
    """

    def __init__(self, path: Path, /, *, opened: bool) -> None:
        self.path = path
        self.opened = opened
        self.resumed = False
        self._salt = b""
        self._lock = -1
        self._progress = -1
        self._end = 0

    def __enter__(self) -> Self:
        try:
            make_folders(self.path)
            self._begin()
            self._progress = os.open(self.path / PROGRESS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as failure:
            self.__exit__()
            raise refused(failure, operation=OPERATION) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._progress, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._progress = self._lock = -1

    def _begin(self) -> None:
        if (self.path / MANIFEST).exists():
            raise AegisError(
                ErrorCode.ALREADY_EXISTS, "this folder holds a whole export: name another one", operation=OPERATION
            )
        marker = self.path / UNFINISHED
        if not marker.exists() and any(self.path.iterdir()):
            raise AegisError(
                ErrorCode.ALREADY_EXISTS, "this folder holds something else: name an empty one", operation=OPERATION
            )
        self._lock = os.open(marker, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(self._lock)
        said = os.read(self._lock, 4096)
        if said.endswith(b"\n"):
            self._go_on(said)
            return
        self._salt = secrets.token_bytes(32)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, line({"opened": self.opened, "salt": self._salt.hex()}), 0)
        os.fsync(self._lock)

    def _go_on(self, said: bytes) -> None:
        read: dict[str, Any] = json.loads(said)
        if read["opened"] is not self.opened:
            how = "with" if read["opened"] else "without"
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                f"this export was begun {how} --reveal: go on with it like that, or name another folder",
                operation=OPERATION,
            )
        self._salt = bytes.fromhex(read["salt"])
        self.resumed = True

    def name_of(self, store: str, tenant: str, key: str, /) -> str:
        """What an object is called while the export is under way: keys may hold names, and this tells none."""
        text = f"{store}\0{tenant}\0{key}".encode()
        return blake2b(text, key=self._salt, digest_size=16).hexdigest()

    def copied(self) -> dict[str, Copied]:
        """What earlier runs have copied, by `name_of`. A last line that was cut off is taken away."""
        known: dict[str, Copied] = {}
        end = 0
        with (self.path / PROGRESS).open("rb") as file:
            for text in file:
                if not text.endswith(b"\n"):
                    break
                read = json.loads(text)
                known[read["name"]] = Copied(read["etag"], end)
                end += len(text)
        os.ftruncate(self._progress, end)
        self._end = end
        return known

    def note(self, name: str, etag: str, document: Mapping[str, Json], /) -> int:
        """Note that an object's file is on disk; where its line begins."""
        whole = line({"name": name, "etag": etag, "document": document})
        try:
            written = os.write(self._progress, whole)
            if written < len(whole):
                os.ftruncate(self._progress, self._end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as failure:
            raise refused(failure, operation=OPERATION) from None
        at, self._end = self._end, self._end + len(whole)
        return at

    def noted(self, places: Iterable[int], /) -> Iterator[dict[str, Any]]:
        """The lines of objects that begin at these places of the progress file."""
        with (self.path / PROGRESS).open("rb") as file:
            for at in places:
                file.seek(at)
                document: dict[str, Any] = json.loads(file.readline())["document"]
                yield document

    def finish(self) -> None:
        """Take away what only an unfinished export needs."""
        for name in (PROGRESS, UNFINISHED):
            (self.path / name).unlink(missing_ok=True)


def make_folders(path: Path, /) -> None:
    """Make a folder and those above it that are missing, for their owner alone."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:
        raise AegisError(
            ErrorCode.UNSUPPORTED, "this system has no advisory file locks: export on another", operation=OPERATION
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AegisError(
            ErrorCode.UNAVAILABLE, "another process writes to this export just now", operation=OPERATION
        ) from None
