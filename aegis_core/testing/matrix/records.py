"""What a run of the kits noted: one line of JSON for each case that was planned, and one for each that ran."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import attrs

Outcome = Literal["planned", "passed", "failed", "skipped"]


@attrs.frozen
class Ran:
    """One case on one subject and backend.

    Arguments:
        place: of the case in its kit.
        server: its product and version; empty: this machine alone.
        needs, without, shows: as in `Case`.
        declared: the port's capabilities, as the adapter declared them.
        emulated: as in `Subject`.
    """

    kit: str
    case: str
    place: int
    promise: str
    adapter: str
    server: str
    options: str
    backend: str
    outcome: Outcome = "planned"
    needs: str = ""
    without: str = ""
    shows: str = ""
    declared: Mapping[str, bool | int | None] = attrs.field(factory=dict[str, bool | int | None])
    emulated: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def what(self) -> tuple[str, ...]:
        """What tells it from all others of a run."""
        return (self.kit, self.case, self.adapter, self.server, self.options, self.backend)


@attrs.frozen
class Instead:
    """A test of ours that looks at what a server does not (``@pytest.mark.instead_of(server, *gaps)``).

    Arguments:
        server: its name in `aegis_core.testing.servers`.
        gap: one of its ``unchecked``.
        test: its path and name.
        way: its parameters, to tell its runs apart.
    """

    server: str
    gap: str
    test: str
    way: str = ""
    outcome: Outcome = "planned"

    @property
    def what(self) -> tuple[str, ...]:
        """What tells it from all others of a run."""
        return (self.server, self.gap, self.test, self.way)


N = TypeVar("N", Ran, Instead)


@attrs.frozen
class Records:
    """All that a run noted, in all of its processes."""

    ran: Sequence[Ran] = ()
    instead: Sequence[Instead] = ()

    @classmethod
    def read(cls, folder: Path, /) -> Self:
        """Read what the processes of one run left in a folder.

        Raises:
            ValueError: a file holds something else.
        """
        ran: list[Ran] = []
        instead: list[Instead] = []
        for file in sorted(folder.glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    found: dict[str, Any] = json.loads(line)
                    if "kit" in found:
                        ran.append(Ran(**found))
                    else:
                        instead.append(Instead(**found))
                except (TypeError, ValueError):
                    message = f"{file} holds a line that is no record"
                    raise ValueError(message) from None
        return cls(tuple(ran), tuple(instead))

    def missing(self) -> list[str]:
        """What was planned and did not run, in words; empty: the run was a whole one."""
        lines = {
            f"{each.kit} on {' · '.join(filter(None, (each.adapter, each.options, each.server)))}"
            for each in without_outcome(self.ran)
        }
        return sorted(lines | {each.test for each in without_outcome(self.instead)})


def without_outcome(noted: Iterable[N], /) -> list[N]:
    """Those that were planned and of which nothing was heard."""
    every = list(noted)
    heard = {each.what for each in every if each.outcome != "planned"}
    return [each for each in every if each.what not in heard]


def as_line(record: Ran | Instead, /) -> str:
    """One record as it stands in the file."""
    return json.dumps(attrs.asdict(record), ensure_ascii=False) + "\n"
