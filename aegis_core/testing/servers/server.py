"""What a server for tests is, and how one is started, probed, killed and brought back."""

import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import attrs

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.testing.servers.guarded import Guarded
from aegis_core.testing.servers.ports import Ports

_STEP: Final = 0.05
_ATTEMPTS: Final = 3
_TAKEN: Final = re.compile("address (is )?already in use|EADDRINUSE|port is already allocated", re.IGNORECASE)


class Missing(RuntimeError):
    """A server that can't run on this machine; the message says what to do about it."""


class NotReady(RuntimeError):
    """A server that was started and did not answer; the message ends with its log."""


@attrs.frozen
class Endpoint:
    """Where a server answers.

    Arguments:
        port: on 127.0.0.1.
        url: how clients write it, without options.
        facts: what a client needs besides: credentials made up for this run, names, further ports.
    """

    port: int
    url: str
    facts: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Server(Protocol):
    """A kind of server. Making one does nothing; `Running` starts it."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str:
        """The package that it comes from, for people."""
        ...

    @property
    def unchecked(self) -> Mapping[str, str]:
        """What it lets pass and the real thing does not: a name → a few words for people. Who tests against it looks at
        that himself, and a probe shows that it is still so.
        """
        ...

    def product(self) -> str:
        """What it is, and of which version, for people."""
        ...

    def missing(self) -> str:
        """What to do so that it can run here; empty: it can."""
        ...

    def prepare(self, folder: Path, ports: Ports, /) -> "Plan":
        """Write what it needs into its empty folder, and say how it is started and probed."""
        ...


@attrs.frozen
class Plan:
    """How one instance is started.

    Arguments:
        command: the argument list.
        endpoint: where it will answer.
        ready: whether it answers, in its own protocol; raising `OSError` is no.
        before: a command that runs to its end before the first start.
        environ: variables besides the few that are handed on; home and temporary folder are its own.
        user: numeric user and group to run as; None: the caller's.
        gentle: the signal that asks it to end.
        leaves: files that it makes outside its folder, whatever it is told.
        limit: seconds until it must answer.
    """

    command: Sequence[str]
    endpoint: Endpoint
    ready: Callable[[], bool]
    before: Sequence[str] = ()
    environ: Mapping[str, str] = attrs.field(factory=dict[str, str])
    user: int | None = None
    gentle: int = signal.SIGTERM
    leaves: Sequence[Path] = ()
    limit: float = 60.0


class Running:
    """One running server. Use it with ``with``, or call `stop`; it also ends when this process does, in whatever way.

    Arguments:
        server: what to run.
        folder: an empty folder for its files; by default a temporary one, removed when it stops.
    """

    def __init__(self, server: Server, /, folder: Path | None = None) -> None:
        self.server = server
        self._own_folder = folder
        self._folder = folder
        self._ports = Ports()
        self._plan: Plan | None = None
        self._process: Guarded | None = None
        self._last_log = ""

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers, once it was started."""
        return self._planned.endpoint

    @property
    def folder(self) -> Path:
        """Where its files are, once it was started."""
        if self._folder is None:
            message = f"{self.server.name} was not started"
            raise RuntimeError(message)
        return self._folder

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of its first process; 0 while there is none."""
        return self._process.pid if self._process is not None and self.is_running else 0

    @property
    def log(self) -> str:
        """The end of what it printed, also after it ended."""
        path = None if self._folder is None else self._folder / "server.log"
        if path is not None and path.exists():
            self._last_log = path.read_text(errors="replace")[-4000:]
        return self._last_log

    def start(self) -> Self:
        """Start it, and return once it answers in its own protocol. Again after `kill`: on the same port and files.

        Raises:
            Missing: it can't run here.
            NotReady: it ended, or did not answer in time; its log is in the message.
        """
        if self.is_running:
            return self
        if os.name != "posix":
            message = "needs Linux or macOS"
            raise Missing(message)
        if reason := self.server.missing():
            raise Missing(reason)
        try:
            if self._plan is not None:
                self._launch(self._plan, is_first=False)
            else:
                self._start_anew()
        except BaseException:
            self.stop()
            raise
        return self

    def kill(self) -> None:
        """End it at once with SIGKILL, with all it started, as a crash would; `start` brings it back."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def pause(self) -> None:
        """Stop its processes without ending them: connections are accepted, and nothing is answered."""
        self._started.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._started.resume()

    def stop(self) -> None:
        """End it, and remove its temporary folder. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()
        self._clear()

    def __repr__(self) -> str:
        where = f"at {self._plan.endpoint.url}" if self._plan is not None else "not started"
        return f"<{self.server.name} {where}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _planned(self) -> Plan:
        if self._plan is None:
            message = f"{self.server.name} was not started"
            raise RuntimeError(message)
        return self._plan

    @property
    def _started(self) -> Guarded:
        if self._process is None:
            message = f"{self.server.name} is not running"
            raise RuntimeError(message)
        return self._process

    def _clear(self) -> None:
        self._last_log = self.log
        self._ports.close()
        plan, self._plan = self._plan, None
        for path in plan.leaves if plan is not None else ():
            path.unlink(missing_ok=True)
        if self._own_folder is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start_anew(self) -> None:
        """The first start. Ports are free when they are chosen; somebody may still be faster than the server."""
        for attempt in range(_ATTEMPTS):
            folder = self._own_folder or Path(tempfile.mkdtemp(prefix=f"aegis-{self.server.name}-"))
            self._folder = folder
            if attempt:
                _empty(folder)
            self._plan = self.server.prepare(folder, self._ports)
            try:
                self._launch(self._plan, is_first=True)
            except NotReady:
                if attempt == _ATTEMPTS - 1 or not _TAKEN.search(self.log):
                    raise
                self._clear()
            else:
                return

    def _launch(self, plan: Plan, *, is_first: bool) -> None:
        self._process = process = Guarded(
            plan.command,
            folder=self.folder,
            before=plan.before if is_first else (),
            environ=plan.environ,
            user=plan.user,
            gentle=plan.gentle,
            remove=plan.leaves if self._own_folder else (self.folder, *plan.leaves),
        )
        ends = SYSTEM_CLOCK.monotonic() + plan.limit
        process.started(plan.limit)
        while SYSTEM_CLOCK.monotonic() < ends and process.poll() is None:
            with contextlib.suppress(OSError):
                # Whoever answers must be this server: it is asked once more whether it is there.
                if plan.ready() and process.poll() is None:
                    return
            SYSTEM_CLOCK.sleep_sync(_STEP)
        code = process.poll()
        self._process = None
        process.stop()
        what = (
            f"did not answer within {plan.limit:g} s" if code is None else f"ended with code {code} before it answered"
        )
        message = f"{self.server.name} {what}; its log ends:\n{self.log}"
        raise NotReady(message)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
