"""Entries written in the caller's own transaction: they count once that commits, and are gone if it rolls back."""

import sys
from collections.abc import Sequence
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from psycopg import pq

from aegis_core.audit.port import Entry
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_postgres.connections import Connection
from aegis_postgres.failure import ADAPTER, as_aegis, code_of

_TAKES: Final = (
    "within= takes a psycopg Connection or AsyncConnection in a transaction, its transaction(), an SQLAlchemy "
    "Session, Connection, AsyncSession or AsyncConnection on the psycopg driver, or Django's connection in atomic()"
)
_OPERATION: Final = "audit.join"

#: Stores nothing where the database is not the trail's own, whatever it is called there.
_JOIN: Final = """
    INSERT INTO {schema}.joined (id, body)
    SELECT given.id, given.body FROM unnest(%s::uuid[], %s::bytea[]) WITH ORDINALITY AS given (id, body, place)
    WHERE EXISTS (SELECT FROM {schema}.identity WHERE identity.id = %s::uuid)
    ORDER BY given.place
    ON CONFLICT (id) DO NOTHING
"""
_WHY_NOT: Final = """
    SELECT EXISTS (SELECT FROM {schema}.identity WHERE identity.id = %s::uuid),
           (SELECT count(*) FROM unnest(%s::uuid[], %s::bytea[]) AS given (id, body)
            JOIN {schema}.joined ON joined.id = given.id WHERE joined.body <> given.body)
"""


def join_here(schema: str, identity: UUID, entries: Sequence[Entry], transaction: object, /) -> None:
    """Write on the caller's own thread and connection.

    Raises:
        AegisError: ``invalid_argument`` for what is no open transaction of a kind that is known.
    """
    if not entries:
        return
    target = _unwrapped(transaction)
    if not isinstance(target, psycopg.Connection):
        connection = _sqlalchemy(target)
        if connection is None:
            raise _unknown("" if not _is_async(target) else "an async one needs record of the async trail; ")
        _check_alchemy(connection)
        stored = _stored(lambda: connection.exec_driver_sql(*_statement(schema, identity, entries)).rowcount)
        if stored != len(entries):
            row = connection.exec_driver_sql(*_question(schema, identity, entries)).fetchone()
            _refuse(row)
        return
    _check(target)
    with target.cursor() as cursor:
        stored = _stored(lambda: cursor.execute(*_statement(schema, identity, entries)).rowcount)
        if stored != len(entries):
            _refuse(_plain(cursor.execute(*_question(schema, identity, entries)).fetchone()))


async def join_async(schema: str, identity: UUID, entries: Sequence[Entry], transaction: object, /) -> None:
    """The same from async code; a plain connection is used as it is, on the caller's own thread."""
    if not entries:
        return
    target = _unwrapped(transaction)
    if isinstance(target, psycopg.AsyncConnection):
        _check(target)
        try:
            async with target.cursor() as cursor:
                await cursor.execute(*_statement(schema, identity, entries))
                if cursor.rowcount != len(entries):
                    await cursor.execute(*_question(schema, identity, entries))
                    _refuse(_plain(await cursor.fetchone()))
        except psycopg.Error as exc:
            raise as_aegis(exc, _OPERATION) from None
        return
    alchemy = await _async_sqlalchemy(target)
    if alchemy is None:
        join_here(schema, identity, entries, transaction)
        return
    _check_alchemy(alchemy.sync_connection)
    try:
        result = await alchemy.exec_driver_sql(*_statement(schema, identity, entries))
        if result.rowcount != len(entries):
            _refuse((await alchemy.exec_driver_sql(*_question(schema, identity, entries))).fetchone())
    except Exception as exc:  # noqa: BLE001 - the driver may be anybody's
        raise _wrapped(exc) from None


def staged(connection: Connection, schema: str, limit: int, /) -> Sequence[Entry]:
    """What was committed and has no index yet, in the order of writing.

    What stands under an id that another entry has is left out: it can never be stored.
    """
    rows = connection.ask(
        f"SELECT joined.id, joined.body FROM {schema}.joined LEFT JOIN {schema}.entries ON entries.id = joined.id "
        "WHERE entries.id IS NULL OR entries.body = joined.body ORDER BY joined.place LIMIT %s",
        (max(limit, 0),),
        binary=True,
    ).fetchall()
    return [Entry(key, bytes(body)) for key, body in rows]


def _statement(schema: str, identity: UUID, entries: Sequence[Entry]) -> tuple[Any, Any]:
    # Text and plain lists: the caller's connection may adapt them as it likes, and need know nothing of ours.
    ids, bodies = [entry.id for entry in entries], [entry.body for entry in entries]
    return _JOIN.format(schema=schema), (ids, bodies, identity)


def _question(schema: str, identity: UUID, entries: Sequence[Entry]) -> tuple[Any, Any]:
    ids, bodies = [entry.id for entry in entries], [entry.body for entry in entries]
    return _WHY_NOT.format(schema=schema), (identity, ids, bodies)


def _stored(run: Any) -> int:
    try:
        return int(run())
    except Exception as exc:  # noqa: BLE001 - the driver may be anybody's
        raise _wrapped(exc) from None


def _wrapped(exc: Exception) -> Exception:
    if isinstance(exc, AegisError):
        return exc
    cause = getattr(exc, "orig", exc)  # SQLAlchemy keeps the driver's own there
    return as_aegis(cause, _OPERATION) if isinstance(cause, psycopg.Error) and code_of(cause) else exc


def _refuse(row: Any) -> None:
    is_ours, others = row
    if not is_ours:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "the transaction is in another database than the trail: hand over one of the trail's own database",
            operation=_OPERATION,
            adapter=ADAPTER,
        )
    if others:
        raise AegisError(
            ErrorCode.CONFLICT,
            "another event was joined under one of these ids: an event is recorded once",
            operation=_OPERATION,
            adapter=ADAPTER,
        )


def _plain(row: Any) -> Any:
    # The caller's connection may make rows of any shape.
    return tuple(row.values()) if isinstance(row, dict) else row


def _unwrapped(transaction: object) -> object:
    """The connection of what psycopg's ``with connection.transaction() as …`` gives, or of Django's."""
    if isinstance(transaction, (psycopg.Transaction, psycopg.AsyncTransaction)):
        return cast("Any", transaction).connection
    return _of_django(transaction) if _is_of_django(transaction) else transaction


def _is_of_django(target: object) -> bool:
    """Whether it is a connection of Django, or `django.db.connection`, which is a proxy of one. Loads nothing."""
    wrappers: Any = sys.modules.get("django.db.backends.base.base")
    proxies: Any = sys.modules.get("django.utils.connection")
    if wrappers is None or proxies is None:
        return False
    # A cache of Django has the same proxy.
    return isinstance(target, (wrappers.BaseDatabaseWrapper, proxies.ConnectionProxy)) and hasattr(target, "vendor")


def _of_django(transaction: Any) -> object:
    """The driver's connection below Django's."""
    transaction.validate_thread_sharing()
    if not transaction.in_atomic_block:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "the connection is in no transaction: record inside `with transaction.atomic():`",
            operation=_OPERATION,
            adapter=ADAPTER,
        )
    if transaction.needs_rollback:
        raise _failed()
    transaction.ensure_connection()
    if not isinstance(transaction.connection, psycopg.Connection):
        raise _unknown("Django reaches this database by another driver; ")
    return cast("object", transaction.connection)


def _check(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> None:
    status = connection.info.transaction_status
    if connection.autocommit and status is pq.TransactionStatus.IDLE:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "the connection is in autocommit mode and in no transaction: begin one, with connection.transaction()",
            operation=_OPERATION,
            adapter=ADAPTER,
        )
    if status is pq.TransactionStatus.INERROR:
        raise _failed()


def _failed() -> AegisError:
    return AegisError(
        ErrorCode.PRECONDITION_FAILED,
        "the transaction has failed already: roll it back",
        operation=_OPERATION,
        adapter=ADAPTER,
    )


def _is_async(target: object) -> bool:
    return isinstance(target, psycopg.AsyncConnection) or type(target).__name__.startswith("Async")


def _sqlalchemy(target: object) -> Any:
    """The SQLAlchemy connection of a session or connection; None: it is neither. Loads nothing by itself."""
    engine: Any = sys.modules.get("sqlalchemy.engine")
    if engine is None:
        return None
    orm: Any = sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(target, (orm.Session, orm.scoped_session)):
        return cast("Any", target).connection()  # begins the session's transaction, if none is there
    return target if isinstance(target, engine.Connection) else None


async def _async_sqlalchemy(target: object) -> Any:
    extension: Any = sys.modules.get("sqlalchemy.ext.asyncio")
    if extension is None:
        return None
    if isinstance(target, (extension.AsyncSession, extension.async_scoped_session)):
        return await cast("Any", target).connection()
    return target if isinstance(target, extension.AsyncConnection) else None


def _check_alchemy(connection: Any) -> None:
    dialect = connection.dialect
    if (dialect.name, dialect.driver) not in {("postgresql", "psycopg"), ("postgresql", "psycopg_async")}:
        raise _unknown("")
    _check(connection.connection.driver_connection)


def _unknown(why: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, why + _TAKES, operation=_OPERATION, adapter=ADAPTER)
