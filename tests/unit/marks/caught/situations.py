"""Situations that are no field of a class: each one an expression that is run, after the lines of its section."""

# ruff: noqa: E501 - a case is one expression, as the page shows it

import io
import logging
import sys
import traceback
from collections.abc import Callable, Mapping

import pydantic

from aegis_core.marks import install_logging
from tests.unit.marks.caught.outcome import VALUE

# Section → lines that come first, and what is written → the expression.
SECTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Loose values": (
        """
@attrs.define
class Patient:
    name: PatientName

    @property
    def label(self) -> PatientName:
        return self.name

    @property
    def call_name(self) -> "Nowhere":
        return self.name

marks_of(Patient)  # a class is read when it is guarded, marked, or first written
""",
        {
            "under the field's name": "event(name=VALUE)",
            "at any depth": 'event(order={"who": [{"name": VALUE}]})',
            "as a pair": 'event(headers=[(b"name", VALUE)])',
            "under a member of an enumeration": 'event(row={enum.Enum("C", {"NAME": "name"}).NAME: VALUE})',
            "under a path of names": 'event(row={("patient", "name"): VALUE})',
            "in any other mapping": 'event(row=collections.ChainMap({"name": VALUE}))',
            "in a `Classified`, anywhere": 'event(f"to {Classified(VALUE, PHI.NAME)}")',
            "as `name=%s` of the standard library's logging": 'logged("admitted name=%s", VALUE)',
            "in the `extra` of the standard library's logging": 'logged("admitted", extra={"Name": VALUE})',
            "in an exception that is logged": 'logged("failed", exc_info=ValueError(VALUE))',
            "in an exception handed over as a value": "event(error=ValueError(VALUE))",
            "in an object of a class that nobody described": "event(held=types.SimpleNamespace(name=VALUE))",
            "in bytes": "event(body=VALUE.encode())",
            "in an iterator": "event(names=iter([VALUE]))",
            "under a property's name": "event(label=VALUE)",
            "under the name of a property whose annotation can't be resolved": "event(call_name=VALUE)",
            "in a path, and in the parts of a URL": 'event(at=pathlib.Path("/records") / VALUE)',
            "of a class that nobody has read yet": "forget() or event(name=VALUE)",
            "under a name that no marked field bears": "event(who=VALUE)",
            "under no name": "event(row=(7, VALUE))",
            "as a key": "event(beds={VALUE: 7})",
            "as `%s` without a name before it": 'logged("admitted %s", VALUE)',
            "in text that was put together before": 'event(f"admitted {VALUE}")',
            "in JSON text": 'event(body=json.dumps({"name": VALUE}))',
            "`attrs.astuple`": "event(row=attrs.astuple(Patient(VALUE)))",
        },
    ),
    "pydantic": (
        """
T = TypeVar("T")

@guarded
class Patient(pydantic.BaseModel, extra="allow", validate_assignment=True, from_attributes=True):
    name: PatientName = pydantic.Field(alias="fullName")
    bed: int = 0
    _nick: PatientName = ""

    @pydantic.field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        if name.endswith("!"):
            raise ValueError(f"{name} is unknown")
        return name

    @pydantic.computed_field
    @property
    def label(self) -> PatientName:
        return self.name

class Other(pydantic.BaseModel):
    kind: Literal["other"] = "other"

class Order(pydantic.BaseModel):  # around it, and not guarded
    patient: Patient
    count: int

class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]

class Names(pydantic.RootModel[list[PatientName]]):
    pass

class Tagged(pydantic.BaseModel):
    kind: Literal["tagged"]
    name: PatientName

Either = Annotated[Tagged | Other, pydantic.Field(discriminator="kind")]
good = {"fullName": VALUE}
""",
        {
            "an instance": "event(p=Patient(**good))",
            "its `model_dump()`": "event(p=Patient(**good).model_dump())",
            "its `model_dump(by_alias=True)`": "event(p=Patient(**good).model_dump(by_alias=True))",
            "extras, under a known name": 'event(p=Patient(fullName="a", nick=VALUE))',
            "private attributes": "event(p=Patient(**good).__pydantic_private__ | {'_nick': VALUE})",
            "of `model_construct`": "event(p=Patient.model_construct(name=VALUE))",
            "a `RootModel`": "event(p=Names([VALUE]))",
            "a generic, filled in": "event(p=Page[PatientName](items=[VALUE]))",
            "a generic, open": "event(p=Page(items=[VALUE]))",
            "a discriminated union": 'event(p=pydantic.TypeAdapter(Either).validate_python({"kind": "tagged", "name": VALUE}))',
            "what a `TypeAdapter` gives": "event(p=pydantic.TypeAdapter(list[Patient]).validate_python([good]))",
            "error: a value of the wrong type": "told(lambda: Patient(fullName={VALUE: 1}))",
            "error: a validator's own text": 'told(lambda: Patient(fullName=VALUE + "!"))',
            "error: assignment": 'told(lambda: setattr(Patient(fullName="a"), "bed", VALUE))',
            "error: JSON": "told(lambda: Patient.model_validate_json(json.dumps({'fullName': [VALUE]})))",
            "error: JSON that is none": 'told(lambda: Patient.model_validate_json("{" + VALUE))',
            "error: `from_attributes`": "told(lambda: Patient.model_validate(types.SimpleNamespace(fullName='a', bed=VALUE)))",
            "error: inside another model": 'told(lambda: Order(patient={"fullName": [VALUE]}, count=1))',
            "error: in a list of a `TypeAdapter`": "told(lambda: pydantic.TypeAdapter(list[Patient]).validate_python([{'fullName': [VALUE]}]))",
            "error: in a union with other models": "told(lambda: pydantic.TypeAdapter(Patient | Other).validate_python({'fullName': [VALUE], 'kind': 7}))",
            "error: of a guarded model around it": "told(lambda: guarded(Order)(patient=good))",
            "error: of a model around it that is not guarded": "told(lambda: Order(patient=good))",
            "error: the tag of a union that is not guarded": "told(lambda: pydantic.TypeAdapter(Either).validate_python({'kind': 'x', 'name': VALUE}))",
            "error: JSON that is none, by a `TypeAdapter`": "told(lambda: pydantic.TypeAdapter(Patient).validate_json('{' + VALUE))",
            "extras, under a name that nobody knows": 'event(p=Patient(fullName="a", who=VALUE))',
            "a warning of `model_dump`": "warned(lambda: Patient.model_construct(name='a', bed=VALUE).model_dump())",
        },
    ),
    "SQLAlchemy": (
        """
class Base(sqlalchemy.orm.DeclarativeBase):
    pass

@dataclasses.dataclass
class Address:
    street: Annotated[str, PHI.ADDRESS]

class Patient(Base):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[PatientName] = mapped_column("full_name")
    note: Mapped[Annotated[str, PHI.NOTE]] = mapped_column(deferred=True)
    home: Mapped[Address] = sqlalchemy.orm.composite(mapped_column("street"))
    loud = sqlalchemy.orm.column_property(sqlalchemy.func.upper("x"), info={"class": PHI.NAME})
    nick = sqlalchemy.orm.synonym("name")

    @hybrid_property
    def label(self) -> PatientName:
        return self.name

engine = sqlalchemy.create_engine("sqlite://")
Base.metadata.create_all(engine)
session = sqlalchemy.orm.Session(engine)
session.add(Patient(id=1, name=VALUE, note=VALUE, home=Address(VALUE)))
session.commit()
marks_of(Patient)
""",
        {
            "an instance that was read": "event(p=session.query(Patient).one())",
            "a row of columns": "event(p=session.execute(select(Patient.name)).one())",
            "a row of the table": "event(p=session.execute(select(Patient.__table__)).one())",
            "a row with an instance in it": "event(p=session.execute(select(Patient)).one())",
            "a composite and its columns": "event(p=session.query(Patient.home, Patient.id).one())",
            "under a hybrid's name": "event(label=VALUE)",
            "under a synonym's name": "event(nick=VALUE)",
            "an instance that is expired": "event(p=expired(session))",
            "an attribute that is no column": "event(p=with_attribute(Patient(id=1), who=VALUE))",
            "a row whose column has another label": 'event(p=session.execute(select(Patient.name.label("who"))).one())',
            "parameters in the text of an error": "str(failed(lambda: session.execute(text('select :x from nothing'), {'x': VALUE})))",
            "the same error, scrubbed": "str(scrub(failed(lambda: session.execute(text('select :x from nothing'), {'x': VALUE}))))",
        },
    ),
    "Enumerations": (
        """
@guarded
class Finding(enum.StrEnum):
    _value_: Annotated[str, PHI.DIAGNOSIS]
    ASTHMA = VALUE
""",
        {
            "a member": "event(found=Finding.ASTHMA)",
            "as a key": "event(found={Finding.ASTHMA: 1})",
            "its `repr`, `str` and `format`": 'f"{Finding.ASTHMA}{Finding.ASTHMA!r}{Finding.ASTHMA!s}"',
            "error: there is no such member": 'told(lambda: Finding(VALUE + "!"))',
            "its `.value`": "event(found=Finding.ASTHMA.value)",
        },
    ),
    "msgspec": (
        """
@guarded
class Patient(msgspec.Struct, rename={"name": "fullName"}, tag="patient", array_like=True):
    name: PatientName
    kind: Literal["in", "out"] = "in"

    def __post_init__(self) -> None:
        if self.name.endswith("!"):
            raise ValueError(f"{self.name} is unknown")
""",
        {
            "an instance": "event(p=[Patient(VALUE)])",
            "`msgspec.to_builtins`, by the encoded name": 'event(p={"fullName": VALUE})',
            "error: a value of the wrong type": "told(lambda: msgspec.convert(['patient', [VALUE]], Patient))",
            "error: a value that is none of a `Literal`": "told(lambda: msgspec.convert(['patient', 'a', VALUE], Patient))",
            "error: the text of `__post_init__`": 'told(lambda: Patient(VALUE + "!"))',
            "`msgspec.to_builtins` of `array_like`": "event(p=msgspec.to_builtins(Patient(VALUE)))",
        },
    ),
    "attrs and dataclasses": (
        """
@guarded
@attrs.define
class Patient:
    name: PatientName = attrs.field(validator=attrs.validators.max_len(20))
    ward: str = attrs.field(default="4B", converter=str.upper)
    seen: int = attrs.field(default=0)

    @seen.validator
    def _often(self, attribute: object, value: int) -> None:
        if value > 9:
            raise LookupError(f"{self.name} was seen too often")

@guarded
@dataclasses.dataclass
class Visit:
    name: PatientName
    escort: dataclasses.InitVar[PatientName] = ""

    def __post_init__(self, escort: str) -> None:
        if self.name.endswith("!"):
            raise ValueError(f"{self.name} is unknown")
""",
        {
            "error: a validator of attrs": "told(lambda: Patient(VALUE * 9))",
            "error: a converter of attrs": "told(lambda: Patient('a', [VALUE]))",
            "error: `__post_init__`": 'told(lambda: Visit(VALUE + "!"))',
            "under the name of an init-only parameter": "event(escort=VALUE)",
            "a subclass made anew by `attrs.define`": "repr(attrs.define(type('Sub', (Patient,), {}))(VALUE))",
            "a subclass made anew by `dataclass`": "repr(dataclasses.dataclass(type('Sub', (Visit,), {}))(VALUE))",
            "error: a validator that raises neither `ValueError` nor `TypeError`": "told(lambda: Patient(VALUE, seen=10))",
            "a subclass that writes a `repr` of its own": "repr(type('Sub', (Patient,), {'__repr__': lambda self: self.name})(VALUE))",
            "`attrs.asdict`": "event(p=attrs.asdict(Patient(VALUE)))",
            "the field itself": "Patient(VALUE).name",
        },
    ),
    "FHIR R4 JSON": (
        """
resource = {"resourceType": "Patient", "gender": "male"}
""",
        {
            "a name": 'event(r=resource | {"name": [{"family": VALUE}]})',
            "an element that no table knows": 'event(r=resource | {"favouriteColour": VALUE})',
            "an extension": 'event(r=resource | {"extension": [{"url": "x", "valueString": VALUE}]})',
            "an extension of an extension": 'event(r=resource | {"extension": [{"extension": [{"valueCode": VALUE}]}]})',
            "an extension of a primitive": 'event(r=resource | {"_birthDate": {"extension": [{"valueCode": VALUE}]}})',
            "`modifierExtension`": 'event(r=resource | {"modifierExtension": [{"valueCode": VALUE}]})',
            "the narrative": 'event(r=resource | {"text": {"status": "generated", "div": VALUE}})',
            "`contained`": 'event(r={"resourceType": "Observation", "contained": [resource | {"id": VALUE}]})',
            "an entry of a Bundle": 'event(r={"resourceType": "Bundle", "entry": [{"resource": resource | {"id": VALUE}}]})',
            "a reference": 'event(r={"resourceType": "Observation", "subject": {"reference": VALUE}})',
            "a reference by identifier": 'event(r={"resourceType": "Flag", "subject": {"identifier": {"value": VALUE}}})',
            "`display` of a coding": 'event(r={"resourceType": "Encounter", "class": {"code": "AMB", "display": VALUE}})',
            "a resource of no known type": 'event(r={"resourceType": "Spaceship", "name": VALUE})',
            "a key that is no name": "event(r=resource | {VALUE + '!': 1})",
            "a part that travels alone": "event(r=resource) and event(part={'family': VALUE})",
            "a value in the place of a code": 'event(r=resource | {"gender": VALUE})',
            "a resource as JSON text": "event(r=json.dumps(resource | {'id': VALUE}))",
        },
    ),
    "Exceptions": (
        """
error = ValueError(VALUE)
error.add_note(VALUE)
error.__cause__ = KeyError(VALUE)
group = ExceptionGroup(VALUE, [error])
""",
        {
            "`exc_info` of an event": "event(exc_info=(type(error), error, None))",
            "`scrub(error)`": "tracebacks(scrub(error))",
            "`scrub(group)`": "tracebacks(scrub(group))",
            "nobody caught it, under `install_excepthook`": "uncaught(group)",
            "nobody caught it": "tracebacks(error)",
        },
    ),
}


def event(text: str = "admitted", **fields: object) -> str:
    """What `redact_event` makes of an event."""
    from aegis_core.marks import redact_event

    return str(redact_event(None, "info", {"event": text, **fields}))


class _Everything(logging.Handler):
    """Keeps all that a formatter could write."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += f"{self.format(record)} {vars(record)}"


def logged(*args: object, **kwargs: object) -> str:
    """All that a handler of the standard library is handed after `install_logging`."""
    logger, handler = logging.Logger("caught"), _Everything()  # noqa: LOG001 - nobody else is to know it
    logger.addHandler(handler)
    install_logging(logger)
    logger.warning(*args, **kwargs)  # type: ignore[arg-type]
    return handler.seen


def failed(call: Callable[[], object]) -> Exception:
    """The error that a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("nothing was raised")


def told(call: Callable[[], object]) -> str:
    """Every text that the error of a call has."""
    error = failed(call)
    texts = [str(error), repr(error), *traceback.format_exception(error, limit=0)]
    if isinstance(error, pydantic.ValidationError):
        texts += [str(error.errors()), error.json()]
    return "\n".join(texts)


def tracebacks(error: BaseException) -> str:
    """What the traceback module writes, with locals."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def uncaught(error: BaseException) -> str:
    """What the installed hook prints."""
    from aegis_core.marks import install_excepthook

    undo, before, sys.stderr = install_excepthook(), sys.stderr, io.StringIO()
    try:
        sys.excepthook(type(error), error, None)
        return sys.stderr.getvalue()
    finally:
        sys.stderr = before
        undo()


def run(setup: str, expression: str) -> object:
    """Run a situation in a namespace of its own."""
    exec(PREPARED, names := {"__name__": __name__, "VALUE": VALUE})
    exec(setup, names)
    return eval(expression, names)


PREPARED = f"""
import collections, dataclasses, enum, json, pathlib, types, warnings
from typing import Annotated, Generic, Literal, TypeVar
import attrs, msgspec, pydantic, sqlalchemy, sqlalchemy.orm
from sqlalchemy import select, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column
from aegis_core.marks import *
from aegis_core.marks.names import LEARNED
from {__name__} import event, failed, logged, told, tracebacks, uncaught

def forget():
    LEARNED.clear()

def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return str([warning.message for warning in caught])

def expired(session):
    read = session.query(Patient).one()
    session.expire(read)
    return read

def with_attribute(made, **values):
    vars(made).update(values)
    return made
"""
