"""The same marked fields in a class of every shape; guarded, unless this process is the control."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aegis_core import PHI, guarded, mark, marks_of
from tests.corpus.case import IS_BARE

FIELDS: Final = {
    "patient_name": PHI.NAME,
    "patient_name_th": PHI.NAME,
    "hospital_number": PHI.MRN,
    "national_id": PHI.SSN,
    "mobile": PHI.PHONE,
    "email": PHI.EMAIL,
    "born": PHI.BIRTH_DATE,
    "born_th": PHI.BIRTH_DATE,
    "home_address": PHI.ADDRESS,
}
_ANNOTATIONS: Final[dict[str, Any]] = {name: Annotated[str, of] for name, of in FIELDS.items()}
_EMPTY: Final = dict.fromkeys(FIELDS, "")


class Shown:
    """Shows its fields, as many a team's class does."""

    def __init__(self, **held: str) -> None:
        for name, value in (_EMPTY | held).items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({ {name: getattr(self, name) for name in FIELDS} })"


def _new(name: str, bases: tuple[type, ...] = (), **members: Any) -> Any:
    return type(name, bases, {"__annotations__": _ANNOTATIONS, "__module__": __name__, **members})


class Base(DeclarativeBase):
    """Of mapped classes."""


class Record(Base):
    """A mapped class with a column for each field."""

    __tablename__ = "record"

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_name: Mapped[Annotated[str, PHI.NAME]] = mapped_column(default="")
    patient_name_th: Mapped[Annotated[str, PHI.NAME]] = mapped_column(default="")
    hospital_number: Mapped[Annotated[str, PHI.MRN]] = mapped_column(default="")
    national_id: Mapped[Annotated[str, PHI.SSN]] = mapped_column(default="")
    mobile: Mapped[Annotated[str, PHI.PHONE]] = mapped_column(default="")
    email: Mapped[Annotated[str, PHI.EMAIL]] = mapped_column(default="")
    born: Mapped[Annotated[str, PHI.BIRTH_DATE]] = mapped_column(default="")
    born_th: Mapped[Annotated[str, PHI.BIRTH_DATE]] = mapped_column(default="")
    home_address: Mapped[Annotated[str, PHI.ADDRESS]] = mapped_column(default="")
    unique_text: Mapped[Annotated[str, PHI.NOTE] | None] = mapped_column(unique=True)

    __repr__ = Shown.__repr__


class Patient(pydantic.BaseModel, extra="forbid"):
    """What requests are read into."""

    __annotations__ = _ANNOTATIONS
    locals().update(_EMPTY)


_Attrs = attrs.define(_new("Attrs", **_EMPTY))
_Dataclass: Any = dataclasses.dataclass(_new("Dataclass", **_EMPTY))
_Struct = _new("Struct", (msgspec.Struct,), **_EMPTY)
_Tuple: Any = NamedTuple("Tuple", list(_ANNOTATIONS.items()))  # type: ignore[misc]
_View: Any = TypedDict("View", _ANNOTATIONS, total=False)  # type: ignore[misc]
_Plain: Any = _new("Plain", (Shown,))


class Vendors(Shown):
    """Somebody else's class, with a table of marks."""


mark(Vendors, **FIELDS)
marks_of(_View)
if not IS_BARE:
    for _class in (Record, Patient, _Attrs, _Dataclass, _Struct, _Tuple, _Plain, Vendors):
        guarded(_class)

#: Makes an instance of one field.
SHAPES: Final[Mapping[str, Callable[..., Any]]] = {
    "attrs": _Attrs,
    "dataclass": _Dataclass,
    "pydantic": Patient,
    "msgspec": _Struct,
    "SQLAlchemy": Record,
    "NamedTuple": lambda **held: _Tuple(**_EMPTY | held),
    "TypedDict": _View,
    "plain class": _Plain,
    "`mark`": Vendors,
}
#: A TypedDict is a dict, and has no repr of its own.
WITH_REPR: Final = tuple(name for name in SHAPES if name != "TypedDict")
