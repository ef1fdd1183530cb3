"""What an application writes of a value: lines with it under a known name, in a marked field, in an error."""

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Final

from aegis_core import Classified
from tests.corpus.case import IS_BARE, Case
from tests.corpus.classes import FIELDS, SHAPES, WITH_REPR
from tests.corpus.errors import ERRORS
from tests.corpus.logs import events, log

LINES: Final[dict[str, Callable[[Case], None]]] = {}


def _carrier(name: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    def keep(carry: Callable[[Case], None]) -> Callable[[Case], None]:
        LINES[name] = carry
        return carry

    return keep


def _marked(shape: str, case: Case) -> object:
    return SHAPES[shape](**{case.kind: case.value})


@_carrier("name: of an event")
def _(case: Case) -> None:
    events.info("admitted", **{case.kind: case.value})


@_carrier("name: deep in an event")
def _(case: Case) -> None:
    events.info("admitted", visit={"beds": [{"who": [{case.kind: [case.value]}]}]})


@_carrier("name: spelt otherwise")
def _(case: Case) -> None:
    first, *others = case.kind.split("_")
    events.info("admitted", **{first + "".join(map(str.title, others)): case.value, case.kind.upper(): case.value})


@_carrier("name: of a pair")
def _(case: Case) -> None:
    events.info("admitted", headers=[(case.kind.replace("_", "-").encode(), case.value)])


@_carrier("name: bytes")
def _(case: Case) -> None:
    events.info("admitted", **{case.kind: case.value.encode()})


@_carrier("name: before %s")
def _(case: Case) -> None:
    log.info(f"admitted, {case.kind}=%s", case.value)


@_carrier("name: in extra")
def _(case: Case) -> None:
    log.info("admitted", extra={case.kind: case.value, "visit": {case.kind: case.value}})


@_carrier("name: of a mapping as arguments")
def _(case: Case) -> None:
    log.info(f"admitted %({case.kind})s", {case.kind: case.value})


for _shape in SHAPES:
    LINES[f"marked: {_shape} in an event"] = lambda case, shape=_shape: events.info(
        "admitted", patient=_marked(shape, case), ward={"beds": [_marked(shape, case)]}
    )
    LINES[f"marked: {_shape} as %s"] = lambda case, shape=_shape: log.info("admitted %s", _marked(shape, case))
for _shape in WITH_REPR:
    LINES[f"marked: repr of {_shape}"] = lambda case, shape=_shape: log.info(f"admitted {_marked(shape, case)!r}")


@_carrier("marked: Classified")
def _(case: Case) -> None:
    classified = Classified(case.value, FIELDS[case.kind])
    told = case.value if IS_BARE else classified
    events.info(f"admitted {told}", who=told)
    log.info("admitted %s", told)


@_carrier("marked: FHIR JSON")
def _(case: Case) -> None:
    events.info("received", resource={"resourceType": "Patient", "name": [{"text": case.value}], "id": case.value})


@_carrier("marked: refused by pydantic")
def _(case: Case) -> None:
    try:
        SHAPES["pydantic"](**{case.kind: [case.value]})
    except ValueError as error:
        log.info(f"refused: {error} {error!r}")


def _logged(raising: Callable[[Case], None], case: Case) -> None:
    try:
        raising(case)
    except Exception as error:  # noqa: BLE001 - whatever was raised
        events.exception("failed")
        log.exception("failed: %r", error)


def _in_a_thread(raising: Callable[[Case], None], case: Case) -> None:
    thread = threading.Thread(target=raising, args=(case,))
    thread.start()
    thread.join()


for _form, _raising in ERRORS.items():
    LINES[f"logged: {_form}"] = partial(_logged, _raising)


@_carrier("uncaught: in a thread")
def _(case: Case) -> None:
    _in_a_thread(ERRORS["KeyError"], case)


@_carrier("uncaught: in a task")
def _(case: Case) -> None:
    async def fails() -> None:
        ERRORS["KeyError"](case)

    async def forgets() -> None:
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect(0)

    _in_a_thread(lambda _: asyncio.run(forgets()), case)


@_carrier("uncaught: in a finalizer")
def _(case: Case) -> None:
    class Bed:
        def __del__(self) -> None:
            ERRORS["KeyError"](case)

    Bed()


@_carrier("warned")
def _(case: Case) -> None:
    warnings.warn(f"no bed for {case.value}", stacklevel=1)
