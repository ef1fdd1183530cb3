"""What `aegis leaks` finds: doors, and where each stands open."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from aegis_cli.leaks.application import Application


class State(StrEnum):
    """How a door stands."""

    OK = "ok"
    OPEN = "open"
    NOT_USED = "not used"  #: what it belongs to is not there, so that nothing can leave by it
    IGNORED = "ignored"  #: open, and the project says why it may be


class Reach(StrEnum):
    """Where what leaves by a door goes: whoever is farthest away comes first."""

    ANSWERS = "in answers, to whoever asks"
    SERVICES = "to other services, of other companies perhaps"
    STORES = "to brokers and backends"
    LOGS = "to logs and standard error"
    CODE = "by your own classes and lines"


@attrs.frozen
class Remedy:
    """A line that closes several doors at once.

    Arguments:
        line: where something of the program's belongs, `…` stands for it.
        distribution: that it comes with.
    """

    line: str
    distribution: str = "aegis-health-core"


@attrs.frozen
class Opening:
    """One place at which a door stands open.

    Arguments:
        where: the class, logger or setting, by its name in the program; never a value.
        fix: the line that closes it here; empty for the door's own.
        file: the source file; empty where there is none.
        line: counted from 1; 0 where unknown.
    """

    where: str
    fix: str = ""
    file: str = ""
    line: int = 0


@attrs.frozen
class Door:
    """One way in which what is marked can leave a program.

    Arguments:
        id: ``library.what``, for ``--ignore`` and SARIF.
        libraries: modules of which one has to be loaded for the door to be there; none for what every program has.
        leaks: what leaves, and where to.
        fix: the line that closes it.
        look: gives the places at which it is open; None where what it belongs to is not used. It runs in the process
            of the application and must not change it.
        reach: where it leads.
        better: the line of ours that closes this door with others, and keeps what is harmless.
    """

    id: str
    libraries: tuple[str, ...]
    leaks: str
    fix: str
    look: "Callable[[Application], Iterable[Opening] | None]"
    reach: Reach = Reach.LOGS
    better: Remedy | None = None


@attrs.frozen
class Finding:
    """How one door stands, with the places where it is open."""

    door: str
    state: State
    leaks: str
    openings: tuple[Opening, ...] = ()
    reason: str = ""  #: why it is ignored


@attrs.frozen
class Report:
    """What `aegis leaks` says of one application.

    Arguments:
        file: of the module that was named, from the folder that it is imported from.
        marked_fields: how many fields of the application's classes bear a mark.
        marked_classes: on how many classes.
    """

    target: str
    findings: tuple[Finding, ...]
    file: str = ""
    marked_fields: int = 0
    marked_classes: int = 0

    @property
    def open(self) -> tuple[Finding, ...]:
        """The doors that stand open, and are not ignored."""
        return tuple(finding for finding in self.findings if finding.state is State.OPEN)

    @property
    def used(self) -> tuple[Finding, ...]:
        """The doors that are there at all."""
        return tuple(finding for finding in self.findings if finding.state is not State.NOT_USED)
