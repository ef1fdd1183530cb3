"""Classes with fields."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, NamedTuple, TypedDict

import attrs
import pydantic
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aegis_core import PHI, PUBLIC, BirthDate, Mrn, PatientName


@dataclass
class Patient:
    mrn: str  # expect: AEG011
    name: str  # expect: AEG011
    birth_date: date  # expect: AEG011
    ward: str
    phone: str | None  # expect: AEG011
    photo_url: str
    note_count: int
    has_allergies: bool
    city: str  # expect: AEG011


@attrs.frozen
class Marked:
    mrn: Mrn
    name: PatientName
    birth_date: BirthDate
    national_id: Annotated[str, PHI.SSN]
    hospital_number: Annotated[str, PUBLIC.DATA]


class Order(pydantic.BaseModel):
    patient_mrn: str  # expect: AEG011
    diagnosis: list[str]  # expect: AEG011
    name: str
    address: str
    patient: Patient
    wan_koet: date  # expect: AEG011
    เบอร์โทร: str  # expect: AEG011


class Base(DeclarativeBase): ...


class Row(Base):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[str]  # expect: AEG011
    email: Mapped[Annotated[str, PHI.EMAIL]]


class Known(TypedDict):
    first_name: str  # expect: AEG011
    filename: str


class Pair(NamedTuple):
    dob: date  # expect: AEG011
    hostname: str


class Product(pydantic.BaseModel):
    name: str
    address: str
    email_template: str
    result: str
    value: float


class Observation(pydantic.BaseModel):
    value: float  # expect: AEG011
    code: str


class Service:
    email: str
