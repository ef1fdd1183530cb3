"""What a database's errors and an engine's log tell: which rule, which table, and nobody's data."""

import json
import logging
import pickle
import traceback

import pytest
import sqlalchemy
from sqlalchemy import ForeignKey, LargeBinary, String, TypeDecorator, bindparam, event, text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from aegis_core import Mrn
from aegis_sqlalchemy import install


class Numbers(TypeDecorator[str]):
    impl = String
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value if value is None else str(int(value))


class Base(DeclarativeBase):
    pass


class Patient(Base):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn] = mapped_column(unique=True)
    number: Mapped[str | None] = mapped_column(Numbers)
    next_of_kin: Mapped[str | None] = mapped_column(
        ForeignKey("patient.mrn", deferrable=True, initially="DEFERRED", name="kin")
    )


def told(error):
    """Everything that anybody could print of it."""
    lines = [*traceback.format_exception(error), repr(vars(error))]
    seen = [error, *filter(None, [getattr(error, "orig", None)])]
    while seen:
        each = seen.pop()
        lines += [repr(each), repr(vars(each)), repr(pickle.dumps(each)), repr(getattr(each, "object", None))]
        lines.append(repr(getattr(each, "obj", None)))
        diagnosed = getattr(each, "diag", None)
        lines += [repr(getattr(diagnosed, name, None)) for name in dir(diagnosed) if name[0] != "_"]
        if getattr(each, "pgresult", None):
            lines.append(repr(each.pgresult.error_message))
        seen += [more for more in (each.__cause__, each.__context__) if more]
    return "\n".join(lines)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path_factory):
    made = (
        sqlalchemy.create_engine(f"sqlite:///{tmp_path_factory.mktemp('db')}/app.db")
        if request.param == "sqlite"
        else request.getfixturevalue("place").engine()
    )
    if request.param == "sqlite":
        event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    Base.metadata.create_all(made)
    install(made)
    yield made
    made.dispose()


def test_a_row_that_is_there_already_names_the_constraint_and_no_value(engine, phi_canary):
    mrn = phi_canary.patient["mrn"]
    with Session(engine) as session:
        session.add_all([Patient(mrn=mrn), Patient(mrn=mrn)])
        with pytest.raises(IntegrityError) as caught:
            session.flush()
    phi_canary.assert_absent(told(caught.value))
    assert "INSERT INTO patient" in caught.value.statement
    if engine.dialect.name == "sqlite":
        assert "UNIQUE constraint failed: patient.mrn" in str(caught.value)
        assert caught.value.orig.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE"
    else:
        assert caught.value.orig.sqlstate == "23505"
        assert caught.value.orig.diag.constraint_name == "patient_mrn_key"
        assert "constraint_name=patient_mrn_key" in str(caught.value)


def test_a_rule_that_is_checked_at_commit_tells_nothing_either(engine, phi_canary):
    with Session(engine) as session:
        session.add(Patient(mrn="1", next_of_kin=phi_canary.patient["mrn"]))
        session.flush()
        with pytest.raises(IntegrityError) as caught:
            session.commit()
    phi_canary.assert_absent(told(caught.value))


def test_a_literal_in_the_statement_is_withheld(engine, phi_canary):
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
        connection.execute(text(f"SELECT nothing FROM patient WHERE mrn = '{phi_canary.patient['name']}' AND id = 7"))
    phi_canary.assert_absent(told(caught.value))
    assert caught.value.statement == "SELECT nothing FROM patient WHERE mrn = [withheld] AND id = [withheld]"


def test_a_type_that_refuses_its_value_does_not_quote_it(engine, phi_canary):
    with Session(engine) as session, pytest.raises(StatementError) as caught:
        session.add(Patient(mrn="1", number=phi_canary.patient["name"]))
        session.flush()
    assert isinstance(caught.value.orig, ValueError)
    phi_canary.assert_absent(told(caught.value))


def test_a_type_that_asks_its_value_for_what_it_has_not_does_not_keep_it(engine, phi_canary):
    given = bindparam("name", phi_canary.patient["name"], type_=LargeBinary, literal_execute=True)
    with engine.connect() as connection, pytest.raises(StatementError) as caught:
        connection.execute(sqlalchemy.select(given))
    phi_canary.assert_absent(told(caught.value))


def test_text_that_the_driver_cannot_encode_is_not_kept_by_the_error(engine, phi_canary):
    with Session(engine) as session, pytest.raises(UnicodeEncodeError) as caught:
        session.execute(text("SELECT :name"), {"name": phi_canary.patient["name"] + "\udc80"})
    phi_canary.assert_absent(told(caught.value))


def test_nothing_is_hidden_without_it(tmp_path, phi_canary):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session, pytest.raises(IntegrityError) as caught:
        session.add_all([Patient(mrn=phi_canary.patient["mrn"]) for _ in range(2)])
        session.flush()
    engine.dispose()
    assert phi_canary.sightings(told(caught.value))


@pytest.mark.parametrize("echo", [True, "debug"])
def test_the_log_has_statements_without_values_and_no_rows(engine, echo, phi_canary, caplog, capfd):
    name = phi_canary.patient["name"]
    engine.echo = echo
    with caplog.at_level(logging.DEBUG, "sqlalchemy.engine"), Session(engine) as session:
        session.add(Patient(mrn=phi_canary.patient["mrn"]))
        session.commit()
        session.execute(text(f"SELECT '{name}' AS name, mrn FROM patient")).all()
        session.execute(text("SELECT :name"), {"name": name}).all()
    output = capfd.readouterr()
    phi_canary.assert_absent(caplog.text, output.out, output.err)
    assert "INSERT INTO patient" in caplog.text
    assert "SELECT [withheld] AS name, mrn FROM patient" in caplog.text


def test_a_log_of_several_databases_has_the_first_words(engine, caplog):
    other = sqlalchemy.create_engine("sqlite://" if engine.dialect.name != "sqlite" else "postgresql+psycopg://")
    install(other)
    with caplog.at_level(logging.DEBUG, "sqlalchemy.engine"), engine.connect() as connection:
        connection.execute(text("SELECT mrn FROM patient"))
    assert "SELECT [withheld]" in caplog.text
    assert "patient" not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_async_engines_alike(kind, request, tmp_path, phi_canary):
    engine = (
        create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/app.db")
        if kind == "sqlite"
        else request.getfixturevalue("place").async_engine()
    )
    install(engine)
    install(engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all([Patient(mrn=phi_canary.patient["mrn"]) for _ in range(2)])
        with pytest.raises(IntegrityError) as caught:
            await session.flush()
    await engine.dispose()
    phi_canary.assert_absent(told(caught.value))


def test_postgresqls_own_words_are_withheld_where_it_quotes_values(place, phi_canary):
    engine = place.engine()
    install(engine)
    with engine.connect() as connection:
        with pytest.raises(DataError) as caught:
            connection.execute(text("SELECT CAST(:name AS integer)"), {"name": phi_canary.patient["name"]})
        phi_canary.assert_absent(told(caught.value))
        assert "sqlstate=22P02" in str(caught.value)
        connection.rollback()
        with pytest.raises(ProgrammingError) as caught:
            connection.execute(text(f'SELECT "{phi_canary.patient["mrn"]}"'))
        assert phi_canary.sightings(caught.value.statement)  # a name in double quotes is a name
        assert not phi_canary.sightings(str(caught.value.orig))
    engine.dispose()


def test_a_server_that_is_not_there_is_still_told():
    engine = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    install(engine)
    with pytest.raises(sqlalchemy.exc.OperationalError, match=r"127\.0\.0\.1"):
        engine.connect()


def test_what_a_type_says_of_a_row_it_cannot_read_is_not_the_engines(tmp_path, phi_canary):
    """A limit: rows are converted after the engine is done with them."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/app.db")
    install(engine)
    with engine.connect() as connection:
        statement = text(f"SELECT '{phi_canary.patient['name']}' AS document").columns(document=sqlalchemy.JSON)
        with pytest.raises(json.JSONDecodeError) as caught:
            connection.execute(statement).all()
    engine.dispose()
    assert phi_canary.sightings(caught.value.doc)
