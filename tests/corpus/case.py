"""What a case is: one value on one way through one application."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from tests.corpus.values import KINDS, Values

PRINTED: Final = "2026"  #: The seed of the figures in the guide.
SEED: Final = os.environ.get("CORPUS_SEED", PRINTED)
#: Whether this process leaves out everything that protects: the control.
IS_BARE: Final = os.environ.get("CORPUS_BARE") == "1"


@attrs.frozen
class Case:
    """One value, carried once.

    Arguments:
        carrier: the way that it goes, such as ``raised: KeyError``.
        kind: what it is, and the name of a marked field.
        value: as it is given to the application.
        needle: what is searched for.
    """

    id: str
    carrier: str
    kind: str
    value: str = attrs.field(repr=False)
    needle: str = attrs.field(repr=False)

    @property
    def is_outside(self) -> bool:
        """Whether the guide says that this is not caught."""
        return self.carrier.startswith("outside: ")


def deal(app: str, carriers: Iterable[str], /) -> dict[str, Case]:
    """Give each carrier a value of each kind, by id; the same in every process with the same seed."""
    values = Values(f"{SEED} {app}")
    cases: dict[str, Case] = {}
    for carrier in carriers:
        for kind in KINDS:
            needle = values.draw(kind)
            case = Case(f"{app}-{len(cases)}", carrier, kind, values.vary(needle), needle)
            cases[case.id] = case
    return cases


def write(cases: dict[str, Case], path: Path, /) -> None:
    """Tell another process."""
    path.write_text(json.dumps([attrs.astuple(case) for case in cases.values()]))


def read(path: Path, /) -> dict[str, Case]:
    """What `write` wrote."""
    return {fields[0]: Case(*fields) for fields in json.loads(path.read_text())}
