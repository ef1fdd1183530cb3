"""A sealed attribute is read and written as any other, and its column tells nobody."""

import copy
import pickle
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, make_transient, mapped_column, sessionmaker
from sqlalchemy.pool import StaticPool

from aegis_core import (
    PHI,
    PII,
    SECRET,
    AegisError,
    Classified,
    ErrorCode,
    KeyPurpose,
    Mrn,
    blocking,
    marks_of,
    redacted,
)
from aegis_core.crypto import column_context, open_column, sealing_key
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_sqlalchemy import install, seal_with, sealed

ID = "1-1002-00007-11-4"


def digits(value: str) -> str:
    return value.replace("-", "")


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Contact:
    home_phone: Mapped[str | None] = sealed(PHI.PHONE, subject="mrn")


class Patient(Contact, Base):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    ward: Mapped[str | None]
    national_id: Mapped[str | None] = sealed(PII.NATIONAL_ID, subject="mrn", token=digits)


class Inpatient(Patient):
    __tablename__ = "inpatient"
    id: Mapped[int] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    bedside: Mapped[str | None] = sealed(PHI.ADDRESS, subject="mrn")


class Note(Base):
    __tablename__ = "note"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    mrn: Mapped[Mrn]
    remark: Mapped[str | None] = sealed(PHI.NOTE, subject="mrn", row="id")


class Laboratory(Base):
    __tablename__ = "laboratory"
    id: Mapped[int] = mapped_column(primary_key=True)
    lab_password: Mapped[str] = sealed(SECRET.PASSWORD, nullable=False)
    lab_login: Mapped[str | None] = sealed(SECRET.PASSWORD, column="lab_account", place="lab.account", token=str)


@pytest.fixture
def ring():
    with blocking.Keyring(MemoryVault(), MemoryState()) as ring:
        seal_with(Base.metadata, lambda: ring)
        yield ring


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request):
    if request.param == "sqlite":
        engine = create_engine("sqlite://", poolclass=StaticPool)
    else:
        engine = request.getfixturevalue("place").engine()
    install(engine)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine, ring):
    return sessionmaker(engine)


def stored(session: Session, column: str = "national_id", table: str = "patient") -> list[Any]:
    return list(session.execute(text(f"SELECT {column} FROM {table} ORDER BY id")).scalars())


def refuses(code: ErrorCode, call: Any) -> str:
    with pytest.raises(AegisError) as caught:
        call()
    assert caught.value.code is code
    assert "1002" not in str(caught.value)
    return str(caught.value)


def test_what_is_added_is_read_again_and_lies_sealed(sessions):
    with sessions.begin() as session:
        patient = Patient(national_id=ID, home_phone="081 234 5678", mrn="HN-1")
        assert patient.national_id == ID  # before it is written
        session.add(patient)
        session.flush()
        assert patient.national_id == ID
    with sessions() as session:
        read = session.scalars(select(Patient)).one()
        assert (read.national_id, read.home_phone) == (ID, "081 234 5678")
        (box,), (token,) = stored(session), stored(session, "national_id_token")
        assert box.startswith("aegis1:s:")
        assert "1-1002-00007" not in box + token
        session.refresh(read)
        assert read.national_id == ID


def test_none_and_the_empty_text_are_two_things(sessions):
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-0"))
        assert session.scalars(select(Patient).where(Patient.national_id != "2")).all() == []  # with no key made yet
        session.execute(delete(Patient))
        session.add_all([Patient(mrn="HN-1"), Patient(mrn="HN-2", national_id=""), Patient(mrn="HN-3", national_id=ID)])
        session.flush()
        session.scalars(select(Patient).filter_by(mrn="HN-3")).one().national_id = None
    with sessions() as session:
        assert [each.national_id for each in session.scalars(select(Patient).order_by(Patient.id))] == [None, "", None]
        assert stored(session, "national_id_token")[::2] == [None, None]
        assert len(session.scalars(select(Patient).where(Patient.national_id == None)).all()) == 2  # noqa: E711
        assert session.scalars(select(Patient).where(Patient.national_id.is_not(None))).one().mrn == "HN-2"


def test_a_changed_value_is_sealed_anew_and_a_rolled_back_one_is_as_before(sessions):
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
    with sessions() as session:
        patient = session.scalars(select(Patient)).one()
        patient.national_id = "2"
        session.flush()
        session.rollback()
        assert patient.national_id == ID
        patient.national_id = "3"
        session.commit()
        assert patient.national_id == "3"
        session.expire(patient)
        assert patient.national_id == "3"


@pytest.mark.parametrize("is_loaded", [True, False])
def test_whose_number_changes_takes_the_values_along(sessions, ring, is_loaded):
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
    with sessions() as session:
        patient = session.scalars(select(Patient)).one()
        if not is_loaded:
            session.expire(patient)
        patient.mrn = "HN-9"
        assert patient.national_id == ID
        session.commit()
        assert patient.national_id == ID
        ring.shred(Classified("HN-1", PHI.MRN), reason="of tests")
        assert patient.national_id == ID


def test_an_object_that_is_added_again_is_sealed_for_the_row_that_it_becomes(sessions):
    with sessions() as session:
        patient, note = Patient(mrn="HN-1", national_id=ID), Note(mrn="HN-1", remark="x")
        session.add_all([patient, note])
        session.flush()
        session.rollback()
        patient.mrn = "HN-2"
        session.add(patient)
        session.commit()
        assert session.scalars(select(Patient)).one().national_id == ID
        session.add(note)
        session.commit()
        session.refresh(note)
        make_transient(note)
        note.id = uuid4()
        session.add(note)
        session.commit()
        assert [each.remark for each in session.scalars(select(Note))] == ["x", "x"]
        session.add(Patient(mrn="HN-9", _national_id=patient._national_id))
        refuses(ErrorCode.INTEGRITY, session.flush)


def test_classes_that_inherit_seal_what_is_theirs_and_what_they_inherit(sessions):
    with sessions.begin() as session:
        session.add_all([Inpatient(mrn="HN-1", national_id=ID, bedside="7"), Patient(mrn="HN-2", national_id="2")])
    with sessions.begin() as session:
        inpatient = session.scalars(select(Inpatient).where(Inpatient.national_id == ID)).one()
        assert (inpatient.bedside, inpatient.national_id) == ("7", ID)
        inpatient.mrn = "HN-3"
    with sessions() as session:
        read = session.scalars(select(Patient).order_by(Patient.id)).all()
        assert [each.national_id for each in read] == [ID, "2"]


def test_what_changes_beside_it_leaves_the_box_alone(sessions):
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
    with sessions() as session:
        (before,) = stored(session)
        session.scalars(select(Patient)).one().ward = "4B"
        session.commit()
        assert stored(session) == [before]


def test_it_is_found_by_its_value_in_any_spelling(sessions, ring):
    with sessions.begin() as session:
        session.add_all([Patient(mrn="HN-1", national_id=ID), Patient(mrn="HN-2", national_id="2")])
    ring.rotate(KeyPurpose.INDEX)
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-3", national_id=digits(ID)))
    other = aliased(Patient)
    with sessions() as session:

        def found(*criteria):
            return [each.mrn for each in session.scalars(select(Patient).where(*criteria).order_by(Patient.id))]

        assert found(Patient.national_id == ID) == ["HN-1", "HN-3"]  # under the key of each one's time
        assert found(Patient.national_id == digits(ID)) == ["HN-1", "HN-3"]
        assert found(Patient.national_id != ID) == ["HN-2"]
        assert found(Patient.national_id.in_(["5", "2"])) == ["HN-2"]
        assert found(Patient.national_id.not_in(["2"])) == ["HN-1", "HN-3"]
        assert found(Patient.national_id == "aegis1") == []
        assert session.scalars(select(other).where(other.national_id == "2")).one().mrn == "HN-2"
        assert session.query(Patient).filter_by(national_id="2").one().mrn == "HN-2"


@pytest.mark.parametrize(
    "criterion",
    [
        lambda: Patient.national_id.like("1%"),
        lambda: Patient.national_id > "1",
        lambda: Patient.national_id == 1,
        lambda: Patient.home_phone == "081",  # has no token
        lambda: select(Patient.national_id),
        lambda: select(Patient).order_by(Patient.national_id),
        lambda: func.lower(Patient.national_id),
        lambda: insert(Patient).values(mrn="HN-1", national_id=ID),
        lambda: insert(Patient).values([{"mrn": "HN-1", "national_id": ID}]),
        lambda: update(Patient).values(national_id=ID),
        lambda: Patient(national_id=1),
        lambda: Patient(national_id=b"1"),
    ],
)
def test_what_a_box_cannot_do_is_refused(ring, criterion):
    refuses(ErrorCode.INVALID_ARGUMENT, criterion)


def test_bulk_inserts_are_sealed_row_by_row(sessions):
    rows = [{"mrn": f"HN-{n}", "national_id": f"{n}"} for n in range(3)]
    with sessions.begin() as session:
        session.execute(insert(Patient), rows)
        session.bulk_insert_mappings(Patient, [{"mrn": "HN-3", "national_id": "3"}, {"mrn": "HN-4"}])
        session.execute(insert(Note), [{"mrn": "HN-1", "remark": "of one row"}])
    with sessions() as session:
        read = session.scalars(select(Patient).order_by(Patient.id)).all()
        assert [(each.mrn, each.national_id) for each in read] == [
            *((f"HN-{n}", f"{n}") for n in range(4)),
            ("HN-4", None),
        ]
        assert session.scalars(select(Patient).where(Patient.national_id == "3")).one().mrn == "HN-3"
        assert session.scalars(select(Note)).one().remark == "of one row"


@pytest.mark.parametrize(
    "write",
    [
        lambda session: session.bulk_save_objects([Patient(mrn="HN-1", national_id=ID)]),
        lambda session: session.execute(insert(Patient), [{"national_id": ID}]),
        lambda session: session.execute(update(Patient), [{"id": 1, "national_id": ID}]),
        lambda session: session.execute(insert(Patient.__table__), [{"mrn": "HN-1", "national_id": ID}]),
        lambda session: session.connection().execute(insert(Patient.__table__).values(mrn="HN-1", national_id=ID)),
        lambda session: session.connection().execute(
            insert(Patient.__table__).values(mrn="HN-1", national_id_token=ID)
        ),
        lambda session: (session.add(Patient(national_id=ID)), session.flush()),
    ],
)
def test_nothing_unsealed_comes_into_the_column(sessions, write):
    with sessions.begin() as session:
        session.add(Patient(mrn="HN-0"))
    with sessions() as session:
        refuses(ErrorCode.INVALID_ARGUMENT, lambda: write(session))
        session.rollback()
        assert stored(session) == [None]


def test_boxes_open_where_they_were_sealed_and_nowhere_else(sessions):
    with sessions.begin() as session:
        session.add_all([Patient(mrn=f"HN-{n}", national_id=ID, home_phone="081") for n in (1, 2)])
        session.add_all([Note(mrn="HN-1", remark=f"{n}") for n in (1, 2)])
    with sessions() as session:
        first, second = session.scalars(select(Patient).order_by(Patient.id))
        note, other = session.scalars(select(Note))
        refuses(ErrorCode.INTEGRITY, lambda: _swapped(second, "_national_id", first._national_id).national_id)
        refuses(
            ErrorCode.INTEGRITY, lambda: _swapped(second, "_home_phone", second.__dict__["_national_id"]).home_phone
        )
        refuses(ErrorCode.INTEGRITY, lambda: _swapped(first, "_home_phone", first._national_id).home_phone)
        refuses(ErrorCode.INTEGRITY, lambda: _swapped(note, "_remark", other._remark).remark)


def _swapped(target: Any, name: str, box: str) -> Any:
    """What somebody with the database's password may do."""
    target.__dict__[name] = box
    return target


def test_a_row_moved_within_one_patient_is_noticed_only_where_it_is_bound_to_its_row(sessions):
    with sessions.begin() as session:
        session.add_all([Patient(mrn="HN-1", national_id="1"), Patient(mrn="HN-1", national_id="2")])
    with sessions() as session:
        first, second = session.scalars(select(Patient).order_by(Patient.id))
        assert _swapped(first, "_national_id", second._national_id).national_id == "2"


def test_after_the_key_is_destroyed_the_value_is_not_found(sessions, ring):
    with sessions.begin() as session:
        session.add_all([Patient(mrn="HN-1", national_id=ID), Patient(mrn="HN-2", national_id="2")])
    ring.shred(Classified("HN-1", PHI.MRN), reason="of tests")
    with sessions.begin() as session:
        first, second = session.scalars(select(Patient).order_by(Patient.id))
        refuses(ErrorCode.NOT_FOUND, lambda: first.national_id)
        assert second.national_id == "2"
        first.ward = "4B"  # the row is written as any other
        session.flush()
        first.national_id = "3"  # who comes back has a new key
    with sessions() as session:
        assert session.scalars(select(Patient).order_by(Patient.id)).first().national_id == "3"


def test_without_keys_nothing_is_written_and_nothing_is_read(engine):
    ring = blocking.Keyring(MemoryVault(), MemoryState())
    seal_with(Base.metadata, lambda: ring)
    with Session(engine) as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
        session.add(Patient(mrn="HN-2"))
        refuses(ErrorCode.UNAVAILABLE, session.flush)
        session.rollback()
        assert stored(session) == []
        refuses(ErrorCode.UNAVAILABLE, lambda: session.scalars(select(Patient).where(Patient.national_id == ID)))
    with ring, Session(engine) as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
        session.commit()
    with Session(engine) as session:
        refuses(ErrorCode.UNAVAILABLE, lambda: session.scalars(select(Patient)).one().national_id)
    Base.metadata.info.clear()
    assert "seal_with" in refuses(
        ErrorCode.INVALID_ARGUMENT, lambda: Patient(mrn="1", national_id=ID) and _flushed(engine)
    )


def _flushed(engine):
    with Session(engine) as session:
        session.add(Patient(mrn="HN-1", national_id=ID))
        session.flush()


def test_what_is_nobodys_is_sealed_with_the_tenants_key(sessions):
    with sessions.begin() as session:
        session.add(Laboratory(lab_password="p4ss"))
    with sessions() as session:
        assert stored(session, "lab_password", "laboratory")[0].startswith("aegis1:k")
        assert session.scalars(select(Laboratory)).one().lab_password == "p4ss"
        with pytest.raises(DBAPIError):
            session.add(Laboratory())
            session.flush()


def test_a_renamed_column_opens_by_its_former_name(sessions, ring):
    assert {"lab_account", "lab_account_token"} <= set(Laboratory.__table__.columns.keys())
    with sessions.begin() as session:
        session.add(Laboratory(lab_password="p4ss", lab_login="lab-1"))
    with sessions() as session:
        assert session.scalars(select(Laboratory).where(Laboratory.lab_login == "lab-1")).one().lab_login == "lab-1"
        (box,) = stored(session, "lab_account", "laboratory")
        key = ring.key(sealing_key(box))
        assert open_column(key, box, context=column_context("lab.account")) == "lab-1"
        under = Laboratory._lab_login.like(f"aegis1:{key.id}:%")  # what is still sealed with that key
        assert session.scalars(select(Laboratory).where(under)).one().lab_login == "lab-1"


def test_an_object_holds_no_value_and_logs_erase_it(sessions, caplog):
    patient = Patient(mrn="HN-1", national_id=ID)
    assert ID not in repr(vars(patient))
    with pytest.raises(TypeError):
        pickle.dumps(patient)
    with sessions(expire_on_commit=False) as session:
        session.add(patient)
        session.commit()
    assert ID not in repr(vars(patient)) + repr(redacted(patient))
    assert marks_of(Patient)["national_id"] is PII.NATIONAL_ID
    assert redacted({"national_id": patient.national_id}) == {"national_id": "[pii.national_id]"}  # by its name
    assert ID.encode() not in pickle.dumps(patient)
    assert pickle.loads(pickle.dumps(patient)).national_id == ID
    assert copy.copy(patient._national_id) == patient._national_id


def test_objects_merge_with_their_values(sessions):
    with sessions(expire_on_commit=False) as session:
        patient = Patient(mrn="HN-1", national_id=ID)
        session.add(patient)
        session.commit()
    with sessions() as session:
        assert session.merge(patient).national_id == ID
        assert session.merge(Patient(id=patient.id, national_id="2")).national_id == "2"
        session.commit()
        assert session.scalars(select(Patient)).one().national_id == "2"


texts = st.text(st.characters(), max_size=50)  # NUL, astral and lone surrogates among them


@pytest.fixture(scope="module")
def in_memory():
    with blocking.Keyring(MemoryVault(), MemoryState()) as ring:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        Base.metadata.create_all(engine)
        yield engine, ring


@settings(max_examples=40, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=3))
def test_any_text_comes_back(in_memory, values):
    engine, ring = in_memory
    seal_with(Base.metadata, lambda: ring)
    with Session(engine) as session:
        session.add_all([Patient(mrn=f"HN-{n}", national_id=value) for n, value in enumerate(values)])
        session.flush()
        session.expire_all()
        assert [each.national_id for each in session.scalars(select(Patient).order_by(Patient.id))] == values
        for value in values:
            assert session.scalars(select(Patient).where(Patient.national_id == value)).first() is not None
        session.rollback()
