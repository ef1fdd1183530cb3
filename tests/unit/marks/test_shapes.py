"""Every shape of a class says which of its fields are marked."""

import dataclasses
import logging
import sys
import textwrap
import types
from typing import Annotated, Generic, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import attrs
import pydantic
import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column, relationship

from aegis_core.marks import PHI, PII, PUBLIC, SECRET, UNKNOWN, Mrn, PatientName, Redaction, mark, marks_of
from aegis_core.marks.names import LEARNED

T = TypeVar("T")
VisitId = NewType("VisitId", Annotated[str, PHI.UNIQUE_ID])


@attrs.define
class AttrsPatient:
    mrn: Mrn
    _name: PatientName
    ward: str


@attrs.frozen
class FrozenPatient:
    mrn: "Mrn"
    _name: "PatientName"
    ward: "str"


@dataclasses.dataclass
class DataPatient:
    mrn: Mrn
    _name: PatientName
    ward: str


@dataclasses.dataclass(frozen=True, slots=True)
class SlottedPatient:
    mrn: Mrn
    _name: PatientName
    ward: str


class TuplePatient(NamedTuple):
    mrn: Mrn
    name: PatientName
    ward: str


class ModelPatient(pydantic.BaseModel):
    mrn: Mrn
    name: PatientName
    ward: str


class Base(DeclarativeBase):
    pass


class RowPatient(Base):
    __tablename__ = "patient"
    mrn: Mapped[Mrn] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column("full_name", info={"class": PHI.NAME})
    ward: Mapped[str]
    visits: Mapped[list["RowVisit"]] = relationship(back_populates="patient")


class RowVisit(Base):
    __tablename__ = "visit"
    id: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[Annotated[str, PHI.DIAGNOSIS]] = deferred(mapped_column(String))
    mrn: Mapped[Mrn] = mapped_column(ForeignKey("patient.mrn"))
    patient: Mapped["RowPatient"] = relationship(back_populates="visits")


class ViewPatient(TypedDict, total=False):
    mrn: Mrn
    name: PatientName
    ward: str


class PlainPatient:
    mrn: Mrn
    name: PatientName
    ward: str

    def __init__(self, mrn, name, ward):
        self.mrn, self.name, self.ward = mrn, name, ward


class ForeignPatient:
    def __init__(self, mrn, name, ward):
        self.mrn, self.name, self.ward, self._cache = mrn, name, ward, {"somchai": 1}


mark(ForeignPatient, mrn=PHI.MRN, name=PHI.NAME)


class SlottedForeign:
    __slots__ = ("__weakref__", "mrn", "name", "unset", "ward")

    def __init__(self, mrn, name, ward):
        self.mrn, self.name, self.ward = mrn, name, ward


mark(SlottedForeign, mrn=PHI.MRN, name=PHI.NAME, unset=PHI.NOTE, ward=PUBLIC.DATA)

SHAPES = [
    AttrsPatient,
    FrozenPatient,
    DataPatient,
    SlottedPatient,
    TuplePatient,
    PlainPatient,
    ForeignPatient,
    SlottedForeign,
]
BY_KEYWORD = [ModelPatient, RowPatient, ViewPatient]


@pytest.mark.parametrize("shape", [*SHAPES, *BY_KEYWORD], ids=lambda shape: shape.__name__)
def test_every_shape_is_read_and_written_alike(shape):
    made = shape("HN-00042", "Somchai", "4B") if shape in SHAPES else shape(mrn="HN-00042", name="Somchai", ward="4B")
    marks = {name.lstrip("_"): data_class for name, data_class in marks_of(shape).items()}
    assert marks["mrn"] is PHI.MRN
    assert marks["name"] is PHI.NAME
    assert marks.get("ward") in {None, PUBLIC.DATA}
    written = {name.lstrip("_"): value for name, value in Redaction().plan(shape)(made).items()}
    assert written == {"mrn": "[phi.mrn]", "name": "[phi.name]", "ward": "4B"}


def test_nothing_unloaded_is_touched():
    visit = RowVisit(id=1, mrn="HN-00042")
    assert "reason" not in visit.__dict__
    assert Redaction().plan(RowVisit)(visit) == {"id": 1, "mrn": "[phi.mrn]"}
    assert "reason" not in visit.__dict__
    assert "patient" not in visit.__dict__


def test_an_expired_row_is_not_refreshed():
    from sqlalchemy import create_engine, event
    from sqlalchemy.orm import Session

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    statements: list[str] = []
    with Session(engine) as session:
        session.add(RowPatient(mrn="HN-00042", name="Somchai", ward="4B"))
        session.commit()
        row = session.query(RowPatient).one()
        assert Redaction().plan(RowPatient)(row)["ward"] == "4B"
        session.expire(row)
        event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        assert Redaction().plan(RowPatient)(row) == {}
    engine.dispose()
    assert statements == []


def test_rows_of_a_query_are_redacted_by_the_names_of_their_columns():
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(RowPatient(mrn="HN-00042", name="Somchai", ward="4B"))
        session.commit()
        row = session.execute(select(RowPatient.mrn, RowPatient.ward)).one()
    engine.dispose()
    assert Redaction().value("row", row) == {"mrn": "[phi.mrn]", "ward": "4B"}


def test_relations_that_lead_in_circles_end():
    patient = RowPatient(mrn="HN-00042", name="Somchai", ward="4B")
    patient.visits = [RowVisit(id=1, mrn="HN-00042", reason="asthma"), RowVisit(id=2, mrn="HN-00042", reason="x")]
    written = Redaction().plan(RowPatient)(patient)
    assert written["visits"][0] == {"id": 1, "reason": "[phi.diagnosis]", "mrn": "[phi.mrn]", "patient": "[cycle]"}


def test_the_name_of_a_column_is_learned_as_well_as_the_attribute():
    marks_of(RowPatient)
    assert LEARNED["full_name"] is PHI.NAME


@attrs.define
class Deep:
    a: Optional[Annotated[str, PHI.EMAIL]]  # noqa: UP045 - the old spelling is a shape, too
    b: list[Annotated[str, PHI.PHONE]]
    c: dict[str, list[Union[int, Annotated[str, PHI.FAX]]]]  # noqa: UP007 - see above
    d: "Annotated[str, PHI.URL] | None"
    e: VisitId
    f: tuple[Mrn, ...]
    g: "list[Mrn | None]"
    h: Annotated[str, PUBLIC.DATA]
    i: Annotated[str, PHI.NAME, PII.NAME]
    j: int = 0


def test_marks_are_found_however_deep_they_lie():
    assert marks_of(Deep) == {
        "a": PHI.EMAIL,
        "b": PHI.PHONE,
        "c": PHI.FAX,
        "d": PHI.URL,
        "e": PHI.UNIQUE_ID,
        "f": PHI.MRN,
        "g": PHI.MRN,
        "h": PUBLIC.DATA,
        "i": UNKNOWN.AMBIGUOUS,
        "j": None,
    }
    written = Redaction().plan(Deep)(Deep("a", ["b"], {"c": ["d"]}, None, "e", ("f",), ["g"], "shown", "i"))
    assert written["h"] == "shown"
    assert written["i"] == "[unknown.ambiguous]"


def test_marks_are_inherited():
    @attrs.define
    class Inpatient(AttrsPatient):
        bed: str

    assert marks_of(Inpatient) == {"mrn": PHI.MRN, "_name": PHI.NAME, "ward": None, "bed": None}

    class Foreign(ForeignPatient):
        pass

    assert marks_of(Foreign) == {"mrn": PHI.MRN, "name": PHI.NAME}


def test_type_variables_are_filled_in_where_somebody_did():
    @attrs.define
    class Box(Generic[T]):
        content: T

    @attrs.define
    class MrnBox(Box[Mrn]):
        size: int = 1

    class Page(pydantic.BaseModel, Generic[T]):
        items: list[T]

    assert marks_of(MrnBox) == {"content": PHI.MRN, "size": None}
    assert marks_of(Page[Mrn]) == {"items": PHI.MRN}


def test_an_open_type_variable_shows_objects_by_their_plans_and_erases_the_rest():
    @attrs.define
    class Box(Generic[T]):
        content: T

    plan = Redaction().plan(Box)
    assert plan(Box("HN-00042")) == {"content": "[unknown.generic]"}
    assert plan(Box(None)) == {"content": None}
    assert plan(Box([AttrsPatient("HN-00042", "Somchai", "4B")])) == {
        "content": [{"mrn": "[phi.mrn]", "_name": "[phi.name]", "ward": "4B"}]
    }


def test_nested_classes_follow_their_own_plans():
    @attrs.define
    class Ward:
        name: str
        patients: list[AttrsPatient]

    written = Redaction().plan(Ward)(Ward("4B", [AttrsPatient("HN-00042", "Somchai", "4B")]))
    assert written == {"name": "4B", "patients": [{"mrn": "[phi.mrn]", "_name": "[phi.name]", "ward": "4B"}]}


def test_names_of_classes_that_an_annotation_mentions_are_learned_with_it():
    @attrs.define
    class Sample:
        tube_code: Annotated[str, PHI.UNIQUE_ID]

    @attrs.define
    class Rack:
        samples: dict[str, list[Sample]]

    marks_of(Rack)
    assert LEARNED["tubeCode"] is PHI.UNIQUE_ID


def test_aliases_of_pydantic_are_learned():
    class Order(pydantic.BaseModel):
        first: Annotated[str, PHI.TEST] = pydantic.Field(alias="requestedTest")
        second: Annotated[str, PHI.TEST] = pydantic.Field(validation_alias=pydantic.AliasChoices("otherTest", "t2"))
        third: Annotated[str, PHI.TEST] = pydantic.Field(serialization_alias="lastTest")

    marks_of(Order)
    assert {LEARNED[name] for name in ("requestedTest", "otherTest", "t2", "lastTest")} == {PHI.TEST}


def test_extras_of_pydantic_are_loose_values():
    class Open(pydantic.BaseModel, extra="allow"):
        mrn: Mrn

    assert Redaction().value(None, Open(mrn="HN-00042", name="Somchai", bed=4)) == {
        "mrn": "[phi.mrn]",
        "name": "[phi.name]",
        "bed": 4,
    }


def test_a_public_field_is_shown_and_its_name_is_not_learned():
    @attrs.define
    class Leaflet:
        headline: Annotated[str, PUBLIC.DATA]

    assert Redaction().plan(Leaflet)(Leaflet("Wash your hands")) == {"headline": "Wash your hands"}
    assert "headline" not in LEARNED


def test_classes_without_fields_have_no_marks():
    assert marks_of(int) == {}
    assert marks_of(object) == {}
    assert Redaction().plan(object)(object()) == {"type": "[object]"}


def test_mark_refuses_what_is_no_class_of_data():
    with pytest.raises(TypeError, match=r"ForeignPatient\.ward"):
        mark(ForeignPatient, ward="phi")  # type: ignore[arg-type]


def test_a_mark_holds_from_the_moment_it_is_made():
    class Late:
        def __init__(self):
            self.pin = "1234"

    redaction = Redaction()
    assert redaction.value(None, Late()) == f"[{Late.__qualname__}]"
    mark(Late, pin=SECRET.PASSWORD)
    assert redaction.value(None, Late()) == {"pin": "[secret.password]"}


UNRESOLVABLE = """
    from __future__ import annotations
    import attrs
    from typing import TYPE_CHECKING, Annotated
    from aegis_core.marks import PHI
    if TYPE_CHECKING:
        from nowhere import Bed

    @attrs.define
    class Admission:
        mrn: Annotated[str, PHI.MRN]
        bed_label: Bed
        floor: int
"""


def test_annotations_that_cannot_be_resolved_erase_every_field_and_are_said_once(caplog, monkeypatch):
    module = types.ModuleType("unresolvable_admission")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(textwrap.dedent(UNRESOLVABLE), module.__dict__)
    admission = module.Admission("HN-00042", "bed 7", 4)
    with caplog.at_level(logging.WARNING, logger="aegis_core.marks"):
        written = Redaction().plan(module.Admission)(admission)
        Redaction().value(None, admission)
        mark(ForeignPatient, mrn=PHI.MRN)  # which makes every class be read anew
        marks_of(module.Admission)
    assert written == {"mrn": "[phi.mrn]", "bed_label": "[unknown.unresolved]", "floor": "[unknown.unresolved]"}
    assert marks_of(module.Admission)["floor"] is UNKNOWN.UNRESOLVED
    [said] = caplog.records
    assert "unresolvable_admission.Admission" in said.getMessage()
    assert "Bed" in said.getMessage()
    assert LEARNED["bed_label"] is UNKNOWN.UNRESOLVED  # it may be marked
    assert "floor" not in LEARNED


def test_forward_references_resolve_once_the_module_is_complete(monkeypatch):
    module = types.ModuleType("forward_reference")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = """
        from __future__ import annotations
        import attrs
        from typing import Annotated
        from aegis_core.marks import PHI, guarded

        @guarded
        @attrs.define
        class First:
            second: Second
            code: Annotated[str, PHI.TEST]

        @attrs.define
        class Second:
            ward: str
    """
    exec(textwrap.dedent(source), module.__dict__)
    assert "second" not in LEARNED
    assert LEARNED["code"] is PHI.TEST
    made = module.First(module.Second("4B"), "glucose")
    assert Redaction().plan(module.First)(made) == {"second": {"ward": "4B"}, "code": "[phi.test]"}


def test_a_slot_that_was_never_set_harms_no_other_field():
    patient = AttrsPatient.__new__(AttrsPatient)
    patient.ward = "4B"
    assert Redaction().plan(AttrsPatient)(patient) == {"mrn": "[phi.mrn]", "_name": "[phi.name]", "ward": "4B"}
    patient = AttrsPatient.__new__(AttrsPatient)
    assert Redaction().plan(AttrsPatient)(patient) == {"mrn": "[phi.mrn]", "_name": "[phi.name]"}
    assert Redaction().value(None, [patient]) == [{"mrn": "[phi.mrn]", "_name": "[phi.name]"}]


def test_programs_that_make_classes_without_end_do_not_grow_without_end(monkeypatch):
    from aegis_core.marks import redaction as module

    monkeypatch.setattr(module, "MOST_PLANS", 8)
    redaction = Redaction()
    for _ in range(40):
        redaction.value(None, type("Made", (), {})())
    assert len(redaction.plans) <= 8


def test_fields_without_an_annotation_are_loose_values():
    marks_of(AttrsPatient)
    untyped = attrs.make_class("Untyped", ["mrn", "ward"])
    assert Redaction().value(None, untyped("HN-00042", "4B")) == {"mrn": "[phi.mrn]", "ward": "4B"}

    class Classic(Base):
        __tablename__ = "classic"
        id = mapped_column(String, primary_key=True)
        mrn = mapped_column(String)

    assert Redaction().value(None, Classic(id="1", mrn="HN-00042")) == {"id": "1", "mrn": "[phi.mrn]"}
