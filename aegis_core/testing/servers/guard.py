"""Runs one server, and ends it with all that it started once its owner is gone: standard library only.

Usage: ``python -I -S guard.py JSON``. The owner holds standard input open and writes one letter a command: ``p`` pause,
``c`` continue, ``k`` kill, ``s`` stop. When it closes, or the owner is no longer this process's parent, the server is
stopped and its temporary folder removed: so nothing is left behind by a test run that was itself killed. Servers start
helpers, some in process groups of their own (PostgreSQL) or as daemons (Erlang's name server): on Linux this process
adopts them all, and signals go to every descendant, each by its id.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: How long a server may take to end when it is asked to: five seconds.
_STEP, _STEPS = 0.02, 250
_LOOK = 1.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _end_with_guard() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Id, parent's id and state of every process."""
    if not Path("/proc/self/stat").exists():
        columns = ["ps", "-A", "-o", "pid=,ppid=,stat="]
        listed = subprocess.run(columns, capture_output=True, text=True, check=True)  # noqa: S603 - every Unix has it
        for line in listed.stdout.splitlines():
            pid, parent, state = line.split()[:3]
            yield int(pid), int(parent), state[0]
        return
    for entry in os.listdir("/proc"):  # noqa: PTH208 - ids, not files
        if entry.isdigit():
            with contextlib.suppress(OSError):
                # The name in parentheses may hold anything, also parentheses and spaces.
                state, parent = Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                yield int(entry), int(parent), state


def _descendants() -> list[int]:
    """Everything alive below this process, parents first."""
    children: dict[int, list[int]] = {}
    for pid, parent, state in _processes():
        if state != "Z":
            children.setdefault(parent, []).append(pid)
    found = children.get(os.getpid(), [])[:]
    for pid in found:
        found += children.get(pid, [])
    return found


def _signal_all(number: int) -> None:
    """Signal every descendant, also those that appear while this goes on."""
    signalled: set[int] = set()
    while new := [pid for pid in _descendants() if pid not in signalled]:
        for pid in new:
            signalled.add(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


class _Guard:
    def __init__(self, order: dict[str, Any]) -> None:
        self.owner: int = order["owner"]
        self.gentle: int = order["gentle"]
        self.remove: list[str] = order["remove"]
        self.user: int | None = order["user"]
        self.before: list[str] = order["before"]
        self.command: list[str] = order["command"]
        self.server: subprocess.Popen[bytes] | None = None
        self.is_orphan = False
        self.is_ending = False

    def run(self) -> int:
        """Until the server ends; its exit code."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        status = 0
        for command in filter(None, (self.before, self.command)):
            self.server = self._start(command)
            if command is self.command:
                _say(f"started {self.server.pid}")
            self._watch(self.server, woken)
            status = self.server.wait()
            _signal_all(signal.SIGKILL)
            if status or self.is_ending:
                break
        for name in self.remove if self.is_orphan else ():
            shutil.rmtree(name, ignore_errors=True)
            Path(name).unlink(missing_ok=True)
        return status if status >= 0 else 128 - status

    def _start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        is_linux = sys.platform == "linux"
        if is_linux:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return subprocess.Popen(  # noqa: S603 - the owner's own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            preexec_fn=_end_with_guard if is_linux else None,  # noqa: PLW1509 - this process has one thread
        )

    def _watch(self, server: "subprocess.Popen[bytes]", woken: int) -> None:
        while server.poll() is None:
            heard, _, _ = select.select([0, woken], [], [], _LOOK)
            if woken in heard:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 512)
            letters = os.read(0, 1) if 0 in heard else b"-"
            if not letters or os.getppid() != self.owner:
                self.is_orphan = True
                self.end()
            elif letters == b"s":
                self.end()
            elif letters == b"k":
                self.is_ending = True
                _signal_all(signal.SIGKILL)
            elif letters in {b"p", b"c"}:
                _signal_all(signal.SIGSTOP if letters == b"p" else signal.SIGCONT)
                _say("done")

    def end(self) -> None:
        """Ask it to end; after a while, end it."""
        self.is_ending = True
        server = self.server
        if server is None or server.poll() is not None:
            return
        _signal_all(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, self.gentle)
        for _ in range(_STEPS):
            if server.poll() is not None:
                break
            time.sleep(_STEP)
        _signal_all(signal.SIGKILL)


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(_Guard(json.loads(sys.argv[1])).run())
