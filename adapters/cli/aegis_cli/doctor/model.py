"""What doctor found. Values, no I/O; `document` gives each as ``--json`` shows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import attrs

from aegis_cli.exits import Exit, gravest
from aegis_cli.output import Json

#: ``note``: as it should be here, with something to know. ``missing``: nothing lies there yet.
State: TypeAlias = Literal["ok", "note", "missing", "degraded", "down", "failed", "damaged", "skipped"]

_EXITS: Final[Mapping[State, Exit]] = {
    "down": Exit.TRY_AGAIN,
    "failed": Exit.FAILED,
    "damaged": Exit.INTEGRITY,
}


@attrs.frozen
class Row:
    """One thing that was looked at.

    Arguments:
        name: as `Place.name` has it, or ``trail``, ``keyring``, ``deliveries``, ``privacy``.
        state: how it is.
        shown: facts in words, for people.
        detail: what is wrong, and what to do; empty where nothing is.
        url: of a place; shows no user, password or secret option.
        variable: which one named the place.
        facts: the same facts for machines.
    """

    name: str
    state: State
    shown: Sequence[str] = ()
    detail: str = ""
    url: str = ""
    variable: str = ""
    facts: Mapping[str, Json] = attrs.field(factory=dict[str, Json])

    def document(self) -> dict[str, Json]:
        """For ``--json``."""
        place: dict[str, Json] = {"url": self.url, "variable": self.variable} if self.url else {}
        return {"name": self.name, "state": self.state, **place, "detail": self.detail, "facts": dict(self.facts)}


@attrs.frozen
class Setting:
    """One variable that was read, or is held by its default. ``value`` repeats no secret."""

    variable: str
    source: str
    value: str


@attrs.frozen
class Report:
    """Everything that doctor found.

    Arguments:
        rows: what was looked at, in order; empty where settings are wrong.
        problems: of the settings: ``(setting, expected, source, hint)``.
        secrets: name → where it was read.
        installed: port → schemes.
    """

    environment: str
    settings: Sequence[Setting]
    secrets: Mapping[str, str]
    installed: Mapping[str, Sequence[str]]
    rows: Sequence[Row]
    problems: Sequence[tuple[str, str, str, str]]
    looked_at: datetime

    @property
    def exit(self) -> Exit:
        """What is missing or degraded fails in production alone: elsewhere it is how a first morning looks."""
        if self.problems:
            return Exit.USAGE
        return gravest([self._exit_of(row.state) for row in self.rows])

    def _exit_of(self, state: State) -> Exit:
        if state in {"missing", "degraded"}:
            return Exit.FAILED if self.environment == "production" else Exit.OK
        return _EXITS.get(state, Exit.OK)

    def document(self) -> dict[str, Json]:
        """For ``--json``."""
        return {
            "exit": int(self.exit),
            "environment": self.environment,
            "looked_at": self.looked_at.isoformat(),
            "settings": [attrs.asdict(setting) for setting in self.settings],
            "secrets": dict(self.secrets),
            "installed": {port: list(schemes) for port, schemes in self.installed.items()},
            "problems": [
                {"setting": setting, "expected": expected, "source": source, "hint": hint}
                for setting, expected, source, hint in self.problems
            ],
            "rows": [row.document() for row in self.rows],
        }
