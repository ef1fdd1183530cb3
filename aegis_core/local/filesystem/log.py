"""Log sinks for a terminal, a pipe and a file."""

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import require_there
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.readable import readable

_PRIVATE: Final = 0o600


class _Descriptor:
    """Writes whole lines to a file descriptor, never raises, and counts what the medium did not take."""

    __slots__ = ("_closed", "_fd", "_lock", "_lost")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._closed = False
        self._lost = 0

    def put(self, line: bytes) -> None:
        # No lock around the write: one call a line is atomic on a file opened for appending, and a pipe's reader
        # that stops must not stop every other thread as well.
        try:
            if self._closed or os.write(self._fd, line) != len(line):
                self._lose()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        with self._lock:
            self._lost += 1

    def lost(self) -> int:
        with self._lock:
            return self._lost


class JsonLinesSink(_Descriptor):
    """Appends to a file, one write a line: several processes may share it.

    Arguments:
        path: the file; it is made with mode 0600, its folder must exist or is made with 0700.
        create: see `AdapterDeps`.

    Raises:
        AegisError: ``not_found`` without ``create``; ``permission_denied`` or ``invalid_argument`` if the file can't be
            opened for appending.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path, /, *, create: bool = True) -> None:
        self.path = path
        if not create:
            require_there(path, adapter="jsonl")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        except PermissionError as error:
            raise AegisError(
                ErrorCode.PERMISSION_DENIED, "the log file may not be written by this user", operation="log.open"
            ) from error
        except OSError as error:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "the log file can't be opened for appending", operation="log.open"
            ) from error
        super().__init__(fd)

    def write(self, line: bytes, /) -> None:
        self.put(line)

    def close(self, *, deadline: float) -> int:
        with self._lock:
            if not self._closed:
                self._closed = True
                try:
                    if stat.S_ISREG(os.fstat(self._fd).st_mode):
                        os.fsync(self._fd)
                except OSError:
                    self._lost += 1
                os.close(self._fd)
            return self._lost


class ConsoleSink(_Descriptor):
    """Writes to standard output: JSON lines for a collector, a readable form on a terminal.

    Arguments:
        fd: the file descriptor.
        people: whether people read it; by default whether it is a terminal.
    """

    __slots__ = ("_form",)

    def __init__(self, fd: int | None = None, /, *, people: bool | None = None) -> None:
        super().__init__(_standard_output() if fd is None else fd)
        if people is None:
            people = os.isatty(self._fd)
        self._form: Callable[[bytes], bytes] | None = readable if people else None

    def write(self, line: bytes, /) -> None:
        self.put(line if self._form is None else self._form(line))

    def close(self, *, deadline: float) -> int:
        with self._lock:
            self._closed = True
            return self._lost


def _standard_output() -> int:
    """Where `sys.stdout` writes; 1 where something that is no file stands in its place."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return 1


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> JsonLinesSink | ConsoleSink:
    """Make one for ``console://`` (option ``form=json|people``) or ``jsonl:PATH``."""
    problems: list[Problem] = []
    known = {"form"} if url.scheme == "console" else set()
    problems.extend(
        Problem("AEGIS_LOG", "has an unknown option", hint=f"{url.scheme} takes {', '.join(sorted(known)) or 'none'}")
        for option in url.options
        if option not in known
    )
    if url.scheme == "console":
        form = url.options.get("form", "")
        if form not in {"", "json", "people"}:
            problems.append(Problem("AEGIS_LOG", "must have form=json or form=people"))
        if problems:
            raise SettingsError(tuple(problems))
        return ConsoleSink(people=None if not form else form == "people")
    if url.host:
        problems.append(Problem("AEGIS_LOG", "must have no host", hint="write jsonl:logs/app.jsonl"))
    if not url.path:
        problems.append(Problem("AEGIS_LOG", "must have a path", hint="write jsonl:logs/app.jsonl"))
    if problems:
        raise SettingsError(tuple(problems))
    return JsonLinesSink(Path(url.path), create=deps.create)
