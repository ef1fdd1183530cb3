"""What a server for tests is, and how one is started, probed, killed and brought back."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import attrs

from aegis_core.kernel.clock import SYSTEM_CLOCK

_GUARD: Final = Path(__file__).with_name("guard.py")
_STEP: Final = 0.05


class Missing(RuntimeError):
    """A server that can't run on this machine, and why."""


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
    """A kind of server. Making one does nothing; `command` is called with a folder of its own."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str:
        """The package that it comes from, for people."""
        ...

    def missing(self) -> str:
        """Why it can't run here; empty: it can."""
        ...

    def prepare(self, folder: Path, port: int, /) -> "Plan":
        """Write what it needs into its folder, and say how it is started and probed."""
        ...


@attrs.frozen
class Plan:
    """How one instance is started.

    Arguments:
        command: the argument list.
        endpoint: where it will answer.
        ready: whether it answers, in its own protocol; raising `OSError` is no.
        set_up: called once, when it first answers.
        environ: variables besides the caller's own.
        user: numeric user and group to run as; None: the caller's.
        limit: seconds until it must answer.
    """

    command: Sequence[str]
    endpoint: Endpoint
    ready: Callable[[], bool]
    set_up: Callable[[], None] | None = None
    environ: Mapping[str, str] = attrs.field(factory=dict[str, str])
    user: int | None = None
    limit: float = 60.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """One running server. Use it with ``with``, or call `stop`; it also ends when this process does.

    Arguments:
        server: what to run.
        folder: where it keeps its files; by default a new temporary folder, removed at `stop`.
    """

    def __init__(self, server: Server, /, folder: Path | None = None) -> None:
        self.server = server
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix=f"aegis-{server.name}-")) if folder is None else folder
        self._plan: Plan | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers, once it was started."""
        if self._plan is None:
            message = f"{self.server.name} was not started"
            raise RuntimeError(message)
        return self._plan.endpoint

    @property
    def log(self) -> str:
        """The end of what it printed."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def start(self) -> Self:
        """Start it, and return once it answers in its own protocol. Again after `kill`: on the same port and files.

        Raises:
            Missing: it can't run here.
            NotReady: it ended, or did not answer in time.
        """
        if reason := self.server.missing():
            raise Missing(reason)
        is_first = self._plan is None
        if self._plan is None:
            self._plan = self.server.prepare(self.folder, free_port())
        plan = self._plan
        with (self.folder / "server.log").open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - commands of the catalogue
                [sys.executable, "-I", str(_GUARD), "-" if plan.user is None else str(plan.user), *plan.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **plan.environ},
            )
        assert self._guard.stdout is not None
        self._pid = int(self._guard.stdout.readline() or b"0")
        self._await(plan)
        if is_first and plan.set_up is not None:
            plan.set_up()
        return self

    def _await(self, plan: Plan) -> None:
        ends = SYSTEM_CLOCK.monotonic() + plan.limit
        while SYSTEM_CLOCK.monotonic() < ends:
            if self._guard is None or self._guard.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if plan.ready():
                    return
            SYSTEM_CLOCK.sleep_sync(_STEP)
        log = self.log
        self.stop()
        message = f"{self.server.name} did not answer within {plan.limit:g} s; its log ends:\n{log}"
        raise NotReady(message)

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would; `start` brings it back."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
        self._reap()

    def pause(self) -> None:
        """Stop its processes without ending them: it accepts connections and never answers."""
        os.killpg(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.killpg(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, and remove its temporary folder. Idempotent."""
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        self._reap()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _reap(self) -> None:
        guard, self._guard, self._pid = self._guard, None, 0
        if guard is not None:
            try:
                guard.wait(15)
            except subprocess.TimeoutExpired:
                guard.kill()
                guard.wait(5)
            for stream in (guard.stdin, guard.stdout):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
