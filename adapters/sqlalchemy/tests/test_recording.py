"""Who changed what is on record with the change, or neither is."""

import threading
from functools import partial

import anyio
import pytest
from sqlalchemy import Column, ForeignKey, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    load_only,
    mapped_column,
    relationship,
    scoped_session,
    sessionmaker,
)

from aegis_core import AegisError, AuditTrail, ErrorCode, Keyring, Mrn, Principal, Purpose, acting, blocking
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_postgres import PostgresAudit, PostgresState
from aegis_sqlalchemy import record_changes

MALEE = Principal("dr-malee", verified_by="test")
ORIGIN = "clinic.example/audit"


class Base(DeclarativeBase):
    pass


class Report(Base):
    __tablename__ = "report"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    status: Mapped[str] = mapped_column(default="new")
    lines: Mapped[list["Line"]] = relationship(cascade="all, delete-orphan")
    notes: Mapped[list["Note"]] = relationship(secondary="reader")


class Line(Base):
    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"))


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)


class Letter(Base):
    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    status: Mapped[str] = mapped_column(default="new")


readers = Table(
    "reader", Base.metadata, Column("report", ForeignKey("report.id")), Column("note", ForeignKey("note.id"))
)


@pytest.fixture
def engine(place):
    engine = place.engine()
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def trail(place):
    with (
        blocking.Keyring(MemoryVault(), PostgresState(place.address), subjects=MemoryState()) as ring,
        blocking.AuditTrail(PostgresAudit(place.address), ring, origin=ORIGIN) as trail,
    ):
        yield trail


@pytest.fixture
def sessions(engine, trail):
    made = sessionmaker(engine)
    record_changes(made, lambda: trail, {Report: "mrn", Line: None, Letter: "mrn"})
    return made


def recorded(trail):
    trail.checkpoint()
    return [told(each) for each in trail.entries()]


def told(each):
    return (each.data["kind"], each.data["change"], *each.data.get("fields", [each.data.get("count")]))


def whose(trail):
    return [each.whom and each.whom.reveal(Purpose.TREATMENT) for each in trail.entries()]


def test_each_row_is_on_record_with_its_fields_and_no_value(sessions, trail, phi_canary, place):
    mrn = phi_canary.patient["mrn"]
    with acting(MALEE, purpose=Purpose.TREATMENT):
        with sessions() as session, session.begin():
            session.add_all([Report(mrn=mrn, lines=[Line()]), Note()])
        with sessions() as session, session.begin():
            report = session.scalars(select(Report)).one()
            report.status = "final"
            report.mrn = str(report.mrn)
        with sessions() as session, session.begin():
            session.scalars(select(Report)).one().status = "final"  # as it was
            session.delete(session.scalars(select(Line)).one())
    assert recorded(trail) == [
        ("Report", "created", "mrn"),
        ("Line", "created", "report_id"),
        ("Report", "changed", "status"),
        ("Line", "deleted"),
    ]
    assert whose(trail) == [mrn, None, mrn, None]
    assert [each.who for each in trail.entries()] == ["dr-malee"] * 4
    assert [each.opened["key"].reveal(Purpose.TREATMENT) for each in trail.entries()] == ["1"] * 4
    phi_canary.assert_absent(place.dumped())
    assert trail.verify().intact


def test_whose_row_it_was_is_known_of_what_was_not_loaded_either(sessions, trail):
    with sessions() as session:
        session.add_all([Letter(mrn="1"), Letter(mrn="2")])
        session.commit()
        letters = session.scalars(select(Letter).order_by(Letter.id).options(load_only(Letter.status))).all()
        letters[0].status = "sent"
        session.delete(letters[1])
        session.commit()
    assert recorded(trail)[2:] == [("Letter", "changed", "status"), ("Letter", "deleted")]
    assert whose(trail) == ["1", "2", "1", "2"]


def test_what_is_taken_out_of_a_list_is_on_record_as_deleted(sessions, trail):
    with sessions.begin() as session:
        session.add(Report(mrn="1", lines=[Line(), Line()]))
    with sessions.begin() as session:
        report = session.scalars(select(Report)).one()
        report.lines.pop()
    with sessions.begin() as session:
        session.delete(session.scalars(select(Report)).one())
    assert sorted(recorded(trail)[3:]) == [("Line", "deleted"), ("Line", "deleted"), ("Report", "deleted")]


def test_rows_that_only_join_two_others_are_a_field_of_the_one_that_has_them(sessions, trail):
    with sessions.begin() as session:
        session.add(Report(mrn="1", notes=[Note()]))
    with sessions.begin() as session:
        report = session.scalars(select(Report)).one()
        report.notes.clear()
    assert recorded(trail) == [("Report", "created", "mrn", "notes"), ("Report", "changed", "notes")]


def test_what_is_rolled_back_is_on_no_record_to_the_savepoint(sessions, trail):
    with sessions() as session:
        session.add(Report(mrn="1"))
        session.flush()
        session.rollback()
    with sessions() as session, session.begin():
        session.add(Report(mrn="2"))
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            session.add(Line())
            session.flush()
            1 / 0  # noqa: B018
        with session.begin_nested():
            session.add(Report(mrn="3"))
    assert recorded(trail) == [("Report", "created", "mrn")] * 2
    assert whose(trail) == ["2", "3"]


def test_a_statement_that_changes_rows_by_itself_is_on_record_with_its_count(sessions, trail):
    with sessions() as session, session.begin():
        session.execute(insert(Report), [{"mrn": "1"}, {"mrn": "2"}])
        session.execute(update(Report).values(status="final"))
        session.execute(delete(Report).where(Report.mrn == "2"))
        session.execute(delete(Note))
        assert session.scalars(insert(Report).returning(Report.mrn), [{"mrn": "3"}]).all() == ["3"]
    assert [line[:2] for line in recorded(trail)] == [
        ("Report", "created"),
        ("Report", "changed"),
        ("Report", "deleted"),
        ("Report", "created"),
    ]
    assert recorded(trail)[1:3] == [("Report", "changed", 2), ("Report", "deleted", 1)]


def test_sessions_of_threads_and_scoped_ones_do_not_mix(engine, trail):
    scoped = scoped_session(sessionmaker(engine))
    record_changes(scoped, lambda: trail, {Report: "mrn"})

    def work(number):
        with acting(Principal(f"p{number}", verified_by="test"), purpose=Purpose.TREATMENT):
            scoped.add(Report(mrn=str(number)))
            scoped.commit() if number % 2 else scoped.rollback()
            scoped.remove()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorded(trail)
    assert sorted((each.who, each.whom.reveal(Purpose.TREATMENT)) for each in trail.entries()) == [
        (f"p{number}", str(number)) for number in (1, 3, 5, 7)
    ]


def test_other_sessions_are_not_watched(sessions, engine, trail):
    with sessionmaker(engine)() as session, session.begin():
        session.add(Report(mrn="1"))
    assert recorded(trail) == []


def test_what_cannot_be_on_record_is_not_committed(engine):
    ring = blocking.Keyring(MemoryVault(), MemoryState())
    with ring, blocking.AuditTrail(MemoryAudit(), ring, origin=ORIGIN) as elsewhere:
        made = sessionmaker(engine)
        record_changes(made, lambda: elsewhere, {Report: None})
        with made() as session, pytest.raises(AegisError) as caught, session.begin():
            session.add(Report(mrn="1"))
        assert caught.value.code is ErrorCode.UNSUPPORTED
    with sessionmaker(engine)() as session:
        assert session.scalars(select(Report)).all() == []


@pytest.mark.anyio
async def test_async_sessions_alike(place, engine, phi_canary):
    outer = place.async_engine()
    ring = Keyring(MemoryVault(), PostgresState(place.address), subjects=MemoryState())
    async with ring, AuditTrail(PostgresAudit(place.address), ring, origin=ORIGIN) as trail:
        made = async_sessionmaker(outer)
        record_changes(made, lambda: trail, {Report: "mrn"})

        async def write(number, *, commit=True):
            principal = Principal(f"p{number}", verified_by="test")
            with acting(principal, purpose=Purpose.TREATMENT):
                async with made() as session:
                    session.add(Report(mrn=f"{phi_canary.patient['mrn']}{number}"))
                    await session.flush()
                    await session.execute(update(Report).where(Report.mrn == "nobody").values(status="x"))
                    await (session.commit() if commit else session.rollback())

        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(partial(write, number, commit=number % 2 == 0))
        await trail.checkpoint()
        found = [each async for each in trail.entries()]
        created = [each for each in found if each.action == "database.row_changed"]
        assert sorted(each.who for each in created) == ["p0", "p2", "p4"]
        for each in created:
            assert each.whom.reveal(Purpose.TREATMENT) == phi_canary.patient["mrn"] + each.who[1:]
        assert [each.data["count"] for each in found if each not in created] == [0, 0, 0]

        blocking_sessions = sessionmaker(engine)
        record_changes(blocking_sessions, lambda: trail, {Report: None})
        with blocking_sessions() as session, pytest.raises(AegisError, match=r"needs the trail of aegis_core.blocking"):
            session.add(Report(mrn="1"))
            session.flush()
    await outer.dispose()
