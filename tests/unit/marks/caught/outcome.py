"""How a case ended: what became of the value in the text that came out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import aegis_core.marks.fhir  # noqa: F401 - it knows some names by itself
from aegis_core.marks import DataClass, shapes
from aegis_core.marks.names import LEARNED
from aegis_core.marks.redaction import forget_plans

VALUE = "Somchai-0042"


class Outcome(StrEnum):
    """What a reader of the text learns of the value."""

    CAUGHT = "caught"  #: a marker of its class stands in its place
    ERASED = "erased"  #: it is not there, and no marker says what it was
    SHOWN = "shown"
    NONE = "–"  #: there is no such thing


class NotApplicableError(Exception):
    """A shape has no such place."""


def outcome_of(case: Callable[[], object]) -> Outcome:
    """Run a case with nothing learned before, and look for the value in what it gives or raises."""
    with nothing_learned():
        try:
            told = case()
        except NotApplicableError:
            return Outcome.NONE
    # Errors and objects are told by the case itself; what is handed back is text or plain data.
    text = str(told)
    if VALUE in text:
        return Outcome.SHOWN
    return Outcome.CAUGHT if "[phi." in text or "[withheld]" in text else Outcome.ERASED


@contextmanager
def nothing_learned() -> Iterator[None]:
    """Forget the names that other cases taught: what one case catches, it catches alone."""
    before = dict(LEARNED)
    _start_with(_FROM_THE_START)
    try:
        yield
    finally:
        _start_with(before)


def _start_with(names: dict[str, DataClass]) -> None:
    LEARNED.clear()
    LEARNED.update(names)
    shapes._shapes.clear()
    forget_plans()


_FROM_THE_START = dict(LEARNED)
