"""The servers of one test run: each started when it is first asked for, all ended together, and a word on every one."""

import difflib
from typing import Final, Literal, Self

import attrs

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.testing.servers.catalogue import CATALOGUE
from aegis_core.testing.servers.server import Missing, NotReady, Running, Server

Word = Literal["auto", "required", "none"]
Outcome = Literal["ran", "skipped", "failed"]

_WORDS: Final[dict[str, Word]] = {"auto": "auto", "required": "required", "none": "none"}


class Required(RuntimeError):
    """A server is missing that this run may not do without."""


@attrs.frozen
class Wanted:
    """What a run does without a server that it is asked for.

    Arguments:
        word: ``auto`` skips, ``required`` fails, ``none`` starts no server at all.
        names: with ``required``: the servers that it holds for; empty: every one.
    """

    word: Word = "auto"
    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, /) -> Self:
        """Read ``auto``, ``none``, ``required`` or ``required:postgres,smtp``.

        Raises:
            ValueError: it is something else, or names a server that nobody knows.
        """
        first, colon, rest = text.strip().partition(":")
        word = _WORDS.get(first)
        if word is None or (colon and word != "required"):
            message = f"{text!r} is neither auto, required, required:NAME,… nor none"
            raise ValueError(message)
        names = frozenset(name.strip() for name in rest.split(",") if name.strip())
        for name in sorted(names):
            known(name)
        return cls(word, names)

    def __str__(self) -> str:
        return f"{self.word}:{','.join(sorted(self.names))}" if self.names else self.word

    def needs(self, name: str, /) -> bool:
        """Whether the run fails without this server."""
        return self.word == "required" and (not self.names or name in self.names)


@attrs.frozen
class Fact:
    """What became of one server.

    Arguments:
        seconds: from its start until it answered.
        detail: why it was skipped or failed.
    """

    name: str
    outcome: Outcome
    seconds: float = 0.0
    detail: str = ""


def known(name: str, /) -> Server:
    """The server of that name.

    Raises:
        ValueError: there is none; with the nearest name.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, 1)
    hint = f"; did you mean {near[0]}?" if near else f": {', '.join(CATALOGUE)}"
    message = f"no server is called {name!r}{hint}"
    raise ValueError(message)


class Pool:
    """Hands out servers. Not for several threads at once."""

    def __init__(self, wanted: Wanted, /) -> None:
        self.wanted = wanted
        self._shared: dict[str, Running] = {}
        self._own: list[Running] = []
        self._refused: dict[str, RuntimeError] = {}
        self._facts: list[Fact] = []

    def shared(self, name: str, /) -> Running:
        """The run's own instance, started at the first call; brought back if a test before left it dead.

        Raises:
            Missing: it can't run here, or no server shall.
            Required: it can't run here, and this run may not do without it.
            NotReady: it was started and did not answer.
            ValueError: no server has this name.
        """
        running = self._shared.get(name)
        if running is None:
            running = self._shared[name] = self._started(name)
        elif not running.is_running:
            running.start()
        return running

    def own(self, name: str, /) -> Running:
        """A further instance, for a test that kills, pauses or fills it; raises as `shared` does."""
        running = self._started(name)
        self._own.append(running)
        return running

    def facts(self) -> list[Fact]:
        """What became of those that were asked for, in that order."""
        return self._facts[:]

    def logs(self) -> dict[str, str]:
        """Name and end of the log of each that is there."""
        return {running.server.name: running.log for running in (*self._shared.values(), *self._own)}

    def stop(self) -> None:
        """End all of them."""
        for running in (*self._shared.values(), *self._own):
            running.stop()
        self._shared.clear()
        self._own.clear()

    def give_back(self, running: Running, /) -> None:
        """End one that `own` handed out."""
        running.stop()
        self._own = [other for other in self._own if other is not running]

    def _started(self, name: str) -> Running:
        server = known(name)
        if name in self._refused:
            raise self._refused[name]
        refusal: RuntimeError
        if self.wanted.word == "none":
            refusal = Missing("no servers in this run")
        elif reason := server.missing():
            refusal = Required(reason) if self.wanted.needs(name) else Missing(reason)
        else:
            running = Running(server)
            begun = SYSTEM_CLOCK.monotonic()
            try:
                running.start()
            except (NotReady, OSError) as error:
                refusal = error if isinstance(error, NotReady) else NotReady(f"{name} could not be started: {error}")
            else:
                self._facts.append(Fact(name, "ran", SYSTEM_CLOCK.monotonic() - begun))
                return running
        outcome: Outcome = "skipped" if isinstance(refusal, Missing) else "failed"
        self._facts.append(Fact(name, outcome, detail=str(refusal).partition("\n")[0]))
        self._refused[name] = refusal
        raise refusal


def table(facts: list[Fact], /) -> list[str]:
    """One line a server of the catalogue that was asked for, and one that names the others."""
    lines: list[str] = []
    for name, server in CATALOGUE.items():
        of_it = [fact for fact in facts if fact.name == name]
        started = [f"{fact.seconds:.1f} s" for fact in of_it if fact.outcome == "ran"]
        if started:
            lines.append(f"{name:<10} ran      up in {', '.join(started)} · {server.product()} · {server.source}")
        # Two workers of one run may say the same.
        refused = dict.fromkeys((fact.outcome, fact.detail) for fact in of_it if fact.outcome != "ran")
        lines += [f"{name:<10} {outcome:<8} {detail}" for outcome, detail in refused]
    idle = [name for name in CATALOGUE if all(fact.name != name for fact in facts)]
    if lines and idle:
        lines.append(f"not asked for: {', '.join(idle)}")
    return lines
