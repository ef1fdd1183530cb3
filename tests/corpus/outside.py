"""What the guide says is not caught: each of these must leak, or the guide is wrong."""

import json
from collections.abc import Callable
from typing import Annotated, Final

import attrs
import pydantic

from aegis_core import Mrn
from tests.corpus.case import Case
from tests.corpus.classes import FIELDS, SHAPES, Patient
from tests.corpus.logs import events, log

OUTSIDE: Final[dict[str, Callable[[Case], None]]] = {
    "outside: text put together before": lambda case: events.info(f"admitted {case.value}"),
    "outside: text in a field of an event": lambda case: events.info("admitted", remark=f"call {case.value}"),
    "outside: JSON in a text": lambda case: events.info(
        "got", body=json.dumps({case.kind: case.value}, ensure_ascii=False)
    ),
    "outside: name that no marked field bears": lambda case: events.info("admitted", who=case.value),
    "outside: no name": lambda case: events.info("found", row=(7, case.value)),
    "outside: key": lambda case: events.info("counted", beds={case.value: 7}),
    "outside: positional argument": lambda case: log.info("admitted %s", case.value),
    "outside: name of a class that nobody has read": lambda case: events.info(
        "admitted", **{f"unread_{case.kind}": case.value}
    ),
    "outside: unmarked field of a known class": lambda case: events.info("sent", letter=Letter("HN-1", case.value)),
    "outside: tuple of the fields": lambda case: events.info(
        "read", row=attrs.astuple(SHAPES["attrs"](**{case.kind: case.value}))
    ),
    "outside: error of a model around a guarded one": lambda case: _around(case),
    "outside: standard output": lambda case: print(case.value),
}


Unread: Final = attrs.make_class(
    "Unread", {f"unread_{name}": attrs.field(type=Annotated[str, of]) for name, of in FIELDS.items()}
)


@attrs.define
class Letter:
    """One of its fields is marked, and the other holds a value all the same."""

    hospital_number: Mrn
    body: str


class Order(pydantic.BaseModel):
    """Around a guarded model, and not guarded."""

    patient: Patient
    count: int


def _around(case: Case) -> None:
    try:
        Order(patient={case.kind: case.value})
    except pydantic.ValidationError as error:
        log.info(f"refused: {error.errors()}")
