"""Run the clinic as a process, and take servers away from it in the middle of its work."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, cast

import attrs

from aegis_core.testing.servers import Running

#: What the clinic says while a server is away.
_SAID: Final = {
    "postgres": tuple(
        f"the {what} can't be reached" for what in ("trail", "keys", "state store", "journal of letters")
    ),
    "s3": ("the store can't be reached",),
    "smtp": ("letters can't go out",),
    "vault": ("the keys can't be reached",),
}
_LOOK: Final = 0.01  # seconds between two looks at how far it is


@attrs.frozen
class Outage:
    """One server, killed and brought back.

    Arguments:
        server: its name.
        after: killed once so many documents are stored and acknowledged.
        until: where nobody misses it: brought back at so many; None: not before somebody does, or all is over.
    """

    server: str
    after: int
    until: int | None


@attrs.frozen
class Ended:
    """What became of a run: its exit code, and its summary."""

    code: int
    said: str


def outages(servers: Sequence[str], documents: int, /) -> Iterator[Outage]:
    """One after the other, spread over the documents; mail goes first, since it is missed only when those are done."""
    ordered = sorted(servers, key=lambda name: name != "smtp")
    parts = len(ordered) + 2
    for number, name in enumerate(ordered, start=1):
        after, until = max(1, documents * number // parts), documents * (number + 1) // parts
        yield Outage(name, after, None if name == "smtp" else until)


def run_clinic(
    arguments: Sequence[str | Path],
    environ: Mapping[str, str],
    acknowledged: Path,
    /,
    *,
    servers: Mapping[str, Running],
    planned: Sequence[Outage] = (),
    say: Callable[[str], None],
) -> Ended:
    """Run it to its end.

    Arguments:
        environ: variables besides this process's own, of which none is a setting of Aegis.
        acknowledged: where the clinic writes down what it has promised; a new file.
        say: told what happens, and what the clinic prints before its summary.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    acknowledged.touch()
    command = [sys.executable, "-m", "examples.clinic", *arguments, "--acknowledged", acknowledged]
    with subprocess.Popen(
        command,
        env={**inherited, **environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            return _watch(process, acknowledged, servers, list(planned), say)
        finally:
            process.kill()


def _watch(
    process: "subprocess.Popen[str]",
    acknowledged: Path,
    servers: Mapping[str, Running],
    planned: list[Outage],
    say: Callable[[str], None],
) -> Ended:
    heard = _Heard(cast("IO[str]", process.stdout), say)
    away: list[Outage] = []
    with acknowledged.open() as promises:
        stored = 0
        while heard.listen():
            stored += sum('"kind": "stored"' in promise for promise in promises)
            for outage in away[:]:
                is_missed = heard.is_said(_SAID[outage.server])
                if is_missed or (outage.until is not None and stored >= outage.until):
                    away.remove(outage)
                    _bring_back(servers[outage.server], outage.server, missed=is_missed, say=say)
            if planned and stored >= planned[0].after and all(outage.until is None for outage in away):
                away.append(planned.pop(0))
                servers[away[-1].server].kill()
                heard.forget(_SAID[away[-1].server])
                say(f"× {away[-1].server} is killed, after {stored} documents")
    for outage in away:
        _bring_back(servers[outage.server], outage.server, missed=False, say=say)
    for outage in planned:
        say(f"  {outage.server} was not killed: the morning was over first")
    return Ended(process.wait(), heard.summary)


def _bring_back(running: Running, name: str, *, missed: bool, say: Callable[[str], None]) -> None:
    running.start()
    say(f"✓ {name} is back" if missed else f"✓ {name} is back; nobody missed it")


class _Heard:
    """What a process prints, line by line, without waiting for it."""

    def __init__(self, stream: IO[str], say: Callable[[str], None]) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._say = say
        self._summary: list[str] = []
        self._notes: set[str] = set()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    @property
    def summary(self) -> str:
        return "".join(self._summary)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put("")

    def listen(self) -> bool:
        """Take in what was printed by now; False: that was all."""
        try:
            line = self._lines.get(timeout=_LOOK)
            while line:
                self._take(line)
                line = self._lines.get_nowait()
        except queue.Empty:
            return True
        return False

    def _take(self, line: str) -> None:
        if self._summary or line == "\n":  # the summary begins with an empty line
            self._summary.append(line)
            return
        self._say(f"  {line.rstrip()}")
        self._notes.update(said for notes in _SAID.values() for said in notes if said in line)

    def is_said(self, notes: Sequence[str]) -> bool:
        """Whether one of these was said since they were forgotten."""
        return not self._notes.isdisjoint(notes)

    def forget(self, notes: Sequence[str]) -> None:
        """From now on only what is said anew counts."""
        self._notes.difference_update(notes)
