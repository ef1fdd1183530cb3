"""The owner's side of a guarded process: see `guard`."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_GUARD: Final = Path(__file__).with_name("guard.py")
_PATIENCE: Final = 15.0

#: What a server may see of its caller's environment. Anything else could change what it does (``PGDATA``, ``BAO_ADDR``)
#: or be a secret of the caller.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Guarded:
    """One running server process, under a guard that outlives this process for as long as it takes to end it.

    Arguments:
        command: the argument list.
        before: a command that runs to its end first.
        folder: working directory, home and place for temporary files; ``server.log`` in it takes what is printed.
        environ: further variables.
        user: numeric user and group to run as; None: the caller's.
        gentle: the signal that asks it to end.
        remove: files and folders that the guard removes when this process is gone.
    """

    def __init__(
        self,
        command: Sequence[str],
        /,
        *,
        folder: Path,
        before: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        user: int | None = None,
        gentle: int = signal.SIGTERM,
        remove: Sequence[Path] = (),
    ) -> None:
        order = {
            "owner": os.getpid(),
            "user": user,
            "gentle": int(gentle),
            "remove": [str(path) for path in remove],
            "before": list(before),
            "command": list(command),
        }
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with (folder / "server.log").open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - commands of the catalogue
                [sys.executable, "-I", "-S", str(_GUARD), json.dumps(order)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env={**inherited, "HOME": str(folder), "TMPDIR": str(folder), **(environ or {})},
                start_new_session=True,  # a Ctrl-C in a terminal is for the owner alone
            )
        self.pid = 0

    def started(self, limit: float, /) -> bool:
        """Wait until the command runs, for so many seconds; `pid` is its process id from then on."""
        if not self.pid:
            word, _, number = self._answer(limit).partition(b" ")
            if word == b"started":
                self.pid = int(number)
        return bool(self.pid)

    def poll(self) -> int | None:
        """The exit code, once it and all it started are gone."""
        return self._guard.poll()

    def pause(self) -> None:
        """Stop all of its processes without ending them."""
        self._ask(b"p")

    def resume(self) -> None:
        """Let them go on."""
        self._ask(b"c")

    def kill(self) -> None:
        """End all of its processes at once, and wait until they are gone."""
        self._say(b"k")
        self.close()

    def stop(self) -> None:
        """Ask it to end, end it after a while, and wait until it is gone."""
        self._say(b"s")
        self.close()

    def close(self) -> None:
        """Wait until it is gone. Idempotent."""
        try:
            self._guard.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # takes the server along where the system can do that (Linux)
            self._guard.wait()
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(self, letter: bytes) -> None:
        self._say(letter)
        if self._answer(_PATIENCE) != b"done":
            message = "the server is not running"
            raise RuntimeError(message)

    def _say(self, letter: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            _open(self._guard.stdin).write(letter)

    def _answer(self, limit: float) -> bytes:
        pipe = _open(self._guard.stdout)
        if pipe.closed or not select.select([pipe], [], [], limit)[0]:
            return b""
        return pipe.readline().strip()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
