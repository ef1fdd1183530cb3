"""SQLAlchemy models are read from columns of every style, composites, and what a query puts beside them."""

import dataclasses
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    column_property,
    composite,
    declarative_base,
    mapped_column,
    registry,
    synonym,
)
from sqlalchemy.orm.exc import MappedAnnotationError

from aegis_core.marks import PHI, PatientName, Redaction, marks_of
from aegis_core.marks.names import LEARNED

VALUE = "Somchai-0042"


def written(value: object) -> Any:
    return Redaction().value(None, value)


class Base(DeclarativeBase):
    pass


Classic: Any = declarative_base()


class OldPatient(Classic):
    __tablename__ = "old_patient"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column("full_name_old", sa.String, info={"class": PHI.NAME})
    shouted = column_property(sa.func.upper(name), info={"class": PHI.NAME})
    called = synonym("name")

    @hybrid_property
    def on_the_door(self) -> PatientName:
        raise AssertionError("a hybrid property is never run")


def test_old_columns_column_properties_synonyms_and_hybrids():
    engine = sa.create_engine("sqlite://")
    Classic.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(OldPatient(id=1, name=VALUE))
        session.commit()
        [row] = session.query(OldPatient).all()
        assert written(row) == {"id": 1, "name": "[phi.name]", "shouted": "[phi.name]"}
        [by_name] = session.execute(sa.select(OldPatient.__table__)).all()
        assert written(by_name) == {"id": 1, "full_name_old": "[phi.name]"}
    engine.dispose()
    assert {LEARNED.get(name) for name in ("called", "on_the_door")} == {PHI.NAME}


def test_what_a_query_puts_on_an_instance_besides_its_columns_is_erased():
    class Ward(Base):
        __tablename__ = "ward"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str]

    class Patient(Base):
        __tablename__ = "ward_patient"
        id: Mapped[int] = mapped_column(primary_key=True)
        who: Mapped[PatientName]

    marks_of(Patient)
    ward: Any = Ward(id=1, code="4B")
    ward.first_in_bed, ward.who, ward.patients, ward.any_free = VALUE, VALUE, [Patient(id=2, who=VALUE), VALUE], True
    assert written(ward) == {
        "id": 1,
        "code": "4B",
        "first_in_bed": "[unknown.undeclared]",
        "who": "[phi.name]",
        "patients": [{"id": 2, "who": "[phi.name]"}, "[unknown.undeclared]"],
        "any_free": True,
    }
    assert Redaction(keep=["first_in_bed"]).value(None, ward)["first_in_bed"] == VALUE  # type: ignore[index]


@dataclasses.dataclass
class Address:
    street: Annotated[str, PHI.ADDRESS]
    country: str


class Household(Base):
    __tablename__ = "household"
    id: Mapped[int] = mapped_column(primary_key=True)
    home: Mapped[Address] = composite(mapped_column("zz_street"), mapped_column("aa_country"))
    work_land: Mapped[str]
    work_road: Mapped[str]
    work: Mapped[Address] = composite("work_road", "work_land")


def test_columns_behind_a_composite_bear_the_marks_of_its_fields():
    household = Household(id=1, home=Address(VALUE, "TH"), work=Address(VALUE, "TH"))
    assert written(household) == {
        "id": 1,
        "home": {"street": "[phi.address]", "country": "TH"},
        "zz_street": "[phi.address]",
        "aa_country": "TH",
        "work": {"street": "[phi.address]", "country": "TH"},
        "work_road": "[phi.address]",
        "work_land": "TH",
    }


def test_a_class_that_is_mapped_from_outside_is_read_by_its_table():
    class Plain:
        nick: Any
        ward: Any

    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("nick", sa.String, info={"c": PHI.NAME})
    registry().map_imperatively(Plain, sa.Table("plain", sa.MetaData(), *columns, sa.Column("ward", sa.String)))
    plain = Plain()
    plain.nick, plain.ward = VALUE, "4B"
    assert written(plain) == {"nick": "[phi.name]", "ward": "4B"}


def test_models_that_are_tables_and_dataclasses_and_columns_with_plain_annotations():
    class AsDataclass(MappedAsDataclass, DeclarativeBase):
        pass

    class Bed(AsDataclass):
        __tablename__ = "bed"
        id: Mapped[int] = mapped_column(primary_key=True)
        who: Mapped[PatientName]
        by: dataclasses.InitVar[Annotated[str, PHI.NOTE]] = ""

        def __post_init__(self, by: str) -> None:
            pass

    assert written(Bed(id=1, who=VALUE)) == {"id": 1, "who": "[phi.name]"}
    assert LEARNED["by"] is PHI.NOTE

    class Unmapped(Classic):  # as SQLModel writes them
        __tablename__ = "unmapped"
        __allow_unmapped__ = True
        id: int = sa.Column(sa.Integer, primary_key=True)
        who: PatientName = sa.Column(sa.String)

    assert written(Unmapped(id=1, who=VALUE)) == {"id": 1, "who": "[phi.name]"}


def test_one_class_that_could_not_be_mapped_leaves_the_others_readable():
    class Half(DeclarativeBase):
        pass

    with pytest.raises(MappedAnnotationError):
        type("Broken", (Half,), {"__tablename__": "b", "__annotations__": {"x": "Mapped[Nowhere]"}})

    class Whole(Half):
        __tablename__ = "w"
        id: Mapped[int] = mapped_column(primary_key=True)
        who: Mapped[PatientName]

    assert written(Whole(id=1, who=VALUE)) == {"id": 1, "who": "[phi.name]"}
