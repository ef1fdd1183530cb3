"""The producer of the queue: sends a task for every case, and tells of those that failed what it is told."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
from celery import chain

from tests.corpus import case as cases
from tests.corpus.apps.celery_app import IS_SEALED, answers, fails, joins, remind, tries_again, writes
from tests.corpus.case import Case
from tests.corpus.errors import ERRORS
from tests.corpus.lines import LINES

#: Each sends a task, and gives what becomes of it.
CARRIERS: Final[dict[str, Callable[[Case], Any]]] = {
    "task: argument": lambda case: remind.delay(case.value),
    "task: named argument": lambda case: remind.delay(**{case.kind: case.value}),
    "task: deep argument": lambda case: remind.delay({"beds": [{case.kind: case.value}], case.value: 1}),
    "task: eta": lambda case: remind.apply_async((case.value,), countdown=0.1),
    "task: result": lambda case: answers.delay({case.kind: case.value}),
    "task: next of a chain": lambda case: chain(answers.s(case.value), joins.s(case.value)).apply_async(),
    "task: link": lambda case: answers.apply_async((case.value,), link=joins.s(case.value)),
    "outside: header of a message": lambda case: remind.apply_async(headers={"who": case.value}),
    "raised: again": lambda case: tries_again.delay(case.value),
    **{f"raised: {form}": lambda case, form=form: fails.delay(form, attrs.astuple(case)) for form in ERRORS},
    **{
        name: lambda case, name=name: writes.delay(name, attrs.astuple(case))
        for name in LINES
        if name.startswith(("logged: ", "uncaught: ", "marked: pydantic"))
    },
}


if not IS_SEALED:
    for name in ("task: result", "task: next of a chain", "task: link"):
        del CARRIERS[name]

if __name__ == "__main__":
    dealt = cases.deal(os.environ["CORPUS_APP"], CARRIERS)
    cases.write(dealt, Path(os.environ["CORPUS_CASES"]))
    sent = {case: CARRIERS[case.carrier](case) for case in dealt.values()}
    with Path(os.environ["CORPUS_CARRIED"]).open("w") as carried:
        for case, result in sent.items():
            told = result.get(timeout=60, propagate=False)
            if result.failed():
                print(repr(told), result.traceback)
            if result.failed() == case.carrier.startswith("raised: "):
                carried.write(f"{case.id}\n")
