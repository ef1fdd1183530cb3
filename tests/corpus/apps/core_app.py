"""The core alone, on files: its log, trail, objects and headers. The control does the same with files of its own."""

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import attrs

from aegis_core import (
    PHI,
    Aegis,
    AuditEvent,
    Classified,
    Content,
    Message,
    Principal,
    Purpose,
    Recipient,
    Template,
    acting,
    to_headers,
)
from aegis_core.kernel import current
from tests.corpus.apps.alone import carry_all
from tests.corpus.case import IS_BARE, Case
from tests.corpus.classes import FIELDS, SHAPES
from tests.corpus.errors import ERRORS


@attrs.frozen(kw_only=True)
class Admitted(AuditEvent):
    """On record, with a name."""

    action: ClassVar[str] = "patient.admitted"
    who: Annotated[str, PHI.NAME]


@attrs.frozen(kw_only=True)
class Told(Message):
    """A mail that has no clearance for whose result it is."""

    template: ClassVar[str] = "told"
    who: Annotated[str, PHI.NAME]


READY = Template(Told, {"en": {"email": Content(subject="A result", text="A result is ready.")}})
WARD = Recipient("ward", {"email": Classified("ward@clinic.example", PHI.EMAIL)})


class OwnFiles:
    """What a team writes that has no core: the names of the core's services, JSON lines and plain files."""

    log = audit = storage = notify = property(lambda self: self)

    def info(self, event: str, **fields: object) -> None:
        print(json.dumps({"event": event, **fields}, default=repr, ensure_ascii=False))

    def exception(self, event: str) -> None:
        told = traceback.TracebackException(*sys.exc_info(), capture_locals=True)
        print(event, "".join(told.format()), repr(sys.exception()))

    def record(self, event: object) -> None:
        self.info("on record", who=event)

    def send_immediate(self, message: object, *, key: str) -> None:
        self.info("sent", message=message, key=key)

    def upload(self, key: str, content: bytes) -> None:
        Path(key.replace("/", "_").encode().hex()[:40]).write_bytes(content)


def carriers(aegis: Any) -> dict[str, Callable[[Case], None]]:
    """What a service does with it."""

    def logged(raising: Callable[[Case], None], case: Case) -> None:
        try:
            raising(case)
        except Exception:
            aegis.log.exception("failed")

    def treating(case: Case) -> None:
        subject = case.value if IS_BARE else Classified(case.value, FIELDS[case.kind])
        with acting(Principal("dr-malee", verified_by="test"), purpose=Purpose.TREATMENT, subject=subject):
            aegis.log.info("looked at")
            aegis.audit.record(Admitted(who=case.value))
            print(to_headers(current()), subject if IS_BARE else current())

    return {
        "name: of an event": lambda case: aegis.log.info("admitted", **{case.kind: case.value}),
        "name: deep in an event": lambda case: aegis.log.info("admitted", visit={"beds": [{case.kind: [case.value]}]}),
        **{
            f"marked: {shape} in an event": lambda case, make=make: aegis.log.info(
                "admitted", patient=make(**{case.kind: case.value})
            )
            for shape, make in SHAPES.items()
        },
        **{f"logged: {form}": lambda case, of=raising: logged(of, case) for form, raising in ERRORS.items()},
        "kept: subject, event, headers": treating,
        "kept: message": lambda case: aegis.notify.send_immediate(Told(to=WARD, who=case.value), key=case.value),
        "kept: object": lambda case: aegis.storage.upload(f"letters/{case.id}", case.value.encode()),
        "outside: text put together before": lambda case: aegis.log.info(f"admitted {case.value}"),  # noqa: G004
    }


if __name__ == "__main__":
    if IS_BARE:
        carry_all(carriers(OwnFiles()))
    else:
        with Aegis(templates=[READY]).blocking() as opened:
            carry_all(carriers(opened))
