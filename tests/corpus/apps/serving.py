"""What the three web applications have in common: which carriers they serve, and how a case is carried by its id."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from tests.corpus import case as cases
from tests.corpus.case import Case
from tests.corpus.errors import ERRORS, SILENT
from tests.corpus.lines import LINES
from tests.corpus.outside import OUTSIDE
from tests.corpus.wires import WIRES

#: What is raised out of a view and shows by its text nothing of the value.
RAISED_SILENTLY: Final = tuple(f"raised: {form}" for form in SILENT)


def dealt(*more: str, without: Collection[str] = ()) -> dict[str, Case]:
    """The cases of this process, which the one that sends the requests is told, too.

    Arguments:
        more: carriers that this application alone has.
        without: those that it lets nothing out by, protected or not.
    """
    carriers = [*WIRES, *LINES, *(f"raised: {form}" for form in ERRORS), *OUTSIDE, *more]
    made = cases.deal(os.environ["CORPUS_APP"], [carrier for carrier in carriers if carrier not in without])
    cases.write(made, Path(os.environ["CORPUS_CASES"]))
    return made


def carry(case: Case) -> None:
    """Do what the case is about, in a request."""
    kind, _, form = case.carrier.partition(": ")
    if kind == "raised":
        ERRORS[form](case)
    else:
        ({**LINES, **OUTSIDE}[case.carrier])(case)
