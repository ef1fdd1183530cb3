"""Exceptions that hold a value, in every way in which an exception can: each function raises one."""

import json
from collections.abc import Callable
from typing import Any, Final

import attrs
import pydantic

from tests.corpus.case import Case

ERRORS: Final[dict[str, Callable[[Case], None]]] = {}


def _raises(name: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    def keep(raising: Callable[[Case], None]) -> Callable[[Case], None]:
        ERRORS[name] = raising
        return raising

    return keep


class NoBedError(Exception):
    """Of the application's own."""

    def __init__(self, who: str, /) -> None:
        super().__init__()
        self.who = who

    def __str__(self) -> str:
        return f"no bed for {self.who}"


class Bed(pydantic.BaseModel):
    """A model that is not guarded: its error is a foreign one."""

    number: int


@_raises("ValueError")
def _(case: Case) -> None:
    raise ValueError(f"no bed for {case.value}")


@_raises("KeyError")
def _(case: Case) -> None:
    _ = {}[case.value]


@_raises("own class")
def _(case: Case) -> None:
    raise NoBedError(case.value)


@_raises("of int()")
def _(case: Case) -> None:
    int(f"x{case.value}")


@_raises("ValidationError")
def _(case: Case) -> None:
    Bed(number=[case.value])  # type: ignore[arg-type]


@_raises("JSON of bytes")
def _(case: Case) -> None:
    raise ValueError(json.dumps({"who": case.value}).encode())


@_raises("__cause__")
def _(case: Case) -> None:
    try:
        int(f"x{case.value}")
    except ValueError as error:
        raise LookupError("no bed") from error


@_raises("__context__")
def _(case: Case) -> None:
    try:
        int(f"x{case.value}")
    finally:
        raise LookupError("no bed")


@_raises("note")
def _(case: Case) -> None:
    error = LookupError("no bed")
    error.add_note(f"asked for {case.value}")
    raise error


@_raises("member of a group")
def _(case: Case) -> None:
    raise ExceptionGroup("beds", [LookupError("none"), ExceptionGroup("4B", [KeyError(case.value)])])


@_raises("text of a group")
def _(case: Case) -> None:
    raise ExceptionGroup(f"beds of {case.value}", [LookupError("none")])


#: Of these the text alone tells nothing: who shows locals or attributes does.
SILENT: Final = ("local variable", "attribute", "UnicodeError")


@_raises("local variable")
def _(case: Case) -> None:
    who = case.value
    raise LookupError("no bed") if who else AssertionError


@_raises("attribute")
def _(case: Case) -> None:
    raise _with_attribute(case.value)


def _with_attribute(who: str) -> Any:
    @attrs.define(auto_exc=True)
    class NotAdmittedError(Exception):
        who: str

    return NotAdmittedError(who)


@_raises("UnicodeError")
def _(case: Case) -> None:
    (case.value.encode() + b"\xff").decode()
