"""For programs that carry their cases by themselves: deal them, carry each, say which were carried."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.corpus import case as cases
from tests.corpus.case import Case
from tests.corpus.classes import FIELDS
from tests.corpus.values import KINDS


def carry_all(carriers: Mapping[str, Callable[[Case], None]], /) -> None:
    """Carry a value of each kind by each of these; what one raises ends the program."""
    assert KINDS.keys() == FIELDS.keys()  # the names are known, because the classes were read
    dealt = cases.deal(os.environ["CORPUS_APP"], carriers)
    cases.write(dealt, Path(os.environ["CORPUS_CASES"]))
    with Path(os.environ["CORPUS_CARRIED"]).open("w") as carried:
        for case in dealt.values():
            carriers[case.carrier](case)
            carried.write(f"{case.id}\n")
