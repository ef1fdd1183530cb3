"""SQLAlchemy over SQLite or PostgreSQL, with the log of statements and rows on."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

import aegis_sqlalchemy
from tests.corpus.apps.alone import carry_all
from tests.corpus.case import IS_BARE, Case
from tests.corpus.classes import Base, Record
from tests.corpus.logs import events, log, set_up

set_up(Path.cwd())
SERVER: Final = os.environ["CORPUS_SERVER"].replace("postgresql:", "postgresql+psycopg:")
SCHEMA: Final = f"corpus_{os.getpid()}"
engine = sa.create_engine(SERVER or "sqlite:///../clinic.sqlite3", echo="debug")
if SERVER:  # others are there, too
    sa.event.listen(engine, "connect", lambda plain, _: plain.execute(f"SET search_path = {SCHEMA}") and plain.commit())
    with sa.create_engine(SERVER).begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
if not IS_BARE:
    aegis_sqlalchemy.install(engine)
Base.metadata.create_all(engine)


def _record(case: Case, **more: str) -> Record:
    return Record(**{case.kind: case.value}, **more)


def _inserted(case: Case) -> None:
    with Session(engine) as session, session.begin():
        session.add(_record(case))


def _many(case: Case) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(Record), [{case.kind: case.value}, {case.kind: "another"}])


def _asked(case: Case) -> None:
    with Session(engine) as session:
        session.scalars(sa.select(Record).where(getattr(Record, case.kind) == case.value)).all()


def _literal(case: Case) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT 1 WHERE 'x' = '{case.value.replace('%', '%%')}'")


def _comment(case: Case) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT 1 /* for {case.value} */")


def _read(case: Case) -> None:
    with engine.connect() as connection:
        connection.execute(sa.select(sa.literal(case.value).label("found"))).all()


def _unique(case: Case) -> None:
    with Session(engine) as session, session.begin():
        session.add_all([_record(case, unique_text=case.value) for _ in range(2)])


def _no_table(case: Case) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT 1 FROM nowhere WHERE who = :who"), {"who": case.value})


def _no_number(case: Case) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT abs(CAST(json(:who) AS INTEGER))"), {"who": f"x{case.value}"})


def _wrong_type(case: Case) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT :who"), {"who": [{case.value}]})


def _no_name(case: Case) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT '{case.value}' FROM nowhere")


def _failing(run: Callable[[Case], None], case: Case) -> None:
    """As an application tells of it that knows of no logger."""
    try:
        run(case)
    except (DBAPIError, StatementError) as error:
        print(error, repr(error), error.params, error.statement, repr(error.orig), error.orig.__dict__)
        log.exception("not stored: %s", error)
        events.exception("not stored", reason=error)
    else:
        raise AssertionError("it was to fail")


CARRIERS: Final[dict[str, Callable[[Case], None]]] = {
    "sql: row that is inserted": _inserted,
    "sql: many rows": _many,
    "sql: parameter of a query": _asked,
    "sql: literal": _literal,
    "sql: comment": _comment,
    "sql: row that is read": _read,
    "sql: unique violation": partial(_failing, _unique),
    "sql: no such table": partial(_failing, _no_table),
    "sql: no such function, or no such value": partial(_failing, _no_number),
    "sql: parameter that no driver takes": partial(_failing, _wrong_type),
    "sql: statement that fails": partial(_failing, _no_name),
    "marked: mapped instance in an event": lambda case: events.info("admitted", record=_record(case)),
}

if __name__ == "__main__":
    carry_all(CARRIERS)
    if SERVER:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
    engine.dispose()
