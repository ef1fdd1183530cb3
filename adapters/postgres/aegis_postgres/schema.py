"""Our tables: one schema, numbered migrations, applied at open by whoever comes first."""

import re
from typing import Any, Final
from uuid import UUID

import attrs
import psycopg

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import nothing_there
from aegis_postgres.failure import ADAPTER

#: Tables that an erasing store spreads its documents over: a rewrite touches one of them.
ERASABLE: Final = 16

#: Number, name, statements. One that was released is never changed: what comes later is a new one.
MIGRATIONS: Final[tuple[tuple[int, str, str], ...]] = (
    (
        1,
        "trail and documents",
        """
        CREATE TABLE {schema}.identity (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), id uuid NOT NULL);
        INSERT INTO {schema}.identity (id) VALUES (gen_random_uuid());

        CREATE TABLE {schema}.entries (idx bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, body bytea NOT NULL);
        CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'entries of an audit trail are never changed' USING ERRCODE = 'insufficient_privilege';
        END $$;
        CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.entries
            FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse();

        CREATE TABLE {schema}.joined (
            place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE, body bytea NOT NULL
        );

        CREATE SEQUENCE {schema}.revision;
        CREATE TABLE {schema}.documents (
            name text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, body bytea NOT NULL
        );
        """,
    ),
    (
        2,
        "documents that are erased",
        "".join(
            f"""
        CREATE TABLE {{schema}}.erasable_{number:02d} (
            name text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, body bytea NOT NULL
        );
            """
            for number in range(ERASABLE)
        ),
    ),
    (
        3,
        "no statistics of what is erased",
        # An analysis copies values into the catalogue pg_statistic. A new type, and be it the same, forgets old ones.
        "".join(
            f"""
        ALTER TABLE {{schema}}.erasable_{number:02d}
            ALTER COLUMN name TYPE text COLLATE "C", ALTER COLUMN name SET STATISTICS 0,
            ALTER COLUMN body TYPE bytea, ALTER COLUMN body SET STATISTICS 0;
            """
            for number in range(ERASABLE)
        ),
    ),
)
VERSION: Final = MIGRATIONS[-1][0]

_NAME: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")

#: First half of the advisory lock's key; the second is the schema's name.
_LOCK: Final = 0x61656769


@attrs.frozen
class Found:
    """What a schema says of itself: its version, and the database's identity."""

    version: int
    identity: UUID | None


def is_schema_name(name: str, /) -> bool:
    """Whether a name may stand in a statement as it is: lower-case letters, digits and ``_``, and not the server's."""
    return _NAME.fullmatch(name) is not None


def inspect(connection: psycopg.Connection[Any], schema: str, /) -> Found:
    """Read a schema's version; 0: there is none, or an empty one.

    Raises:
        AegisError: ``precondition_failed`` for one that is somebody else's.
    """
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL, EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = "
        "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s))",
        (f"{schema}.migrations", schema),
    ).fetchone()
    assert row is not None
    is_ours, holds_something = row
    if not is_ours:
        if holds_something:
            raise _wrong(f"the schema {schema!r} holds tables that are not ours: name another with ?schema=")
        return Found(0, None)
    row = connection.execute(f"SELECT coalesce(max(number), 0) FROM {schema}.migrations".encode()).fetchone()
    assert row is not None
    version = int(row[0])
    if version < 1:
        return Found(0, None)
    if version > VERSION:
        raise _wrong(
            f"the schema {schema!r} has version {version}, and this package knows none above {VERSION}: update it"
        )
    row = connection.execute(f"SELECT id FROM {schema}.identity".encode()).fetchone()
    return Found(version, None if row is None else row[0])


def migrate(connection: psycopg.Connection[Any], schema: str, /) -> Found:
    """Make the schema, or bring it to the version that this package knows. Several may do so at once.

    Arguments:
        connection: in autocommit mode; its user may create a schema, or owns this one.

    Raises:
        AegisError: ``precondition_failed`` for a newer version, or somebody else's schema; ``invalid_argument`` for a
            name that is no plain one.
        psycopg.Error: the server refuses.
    """
    if not is_schema_name(schema):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a schema's name is made of lower-case letters, digits and _, at most 63, and does not begin with pg_",
            operation="open",
            adapter=ADAPTER,
        )
    found = inspect(connection, schema)
    if found.version == VERSION and found.identity is not None:
        return found
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, schema))
        found = inspect(connection, schema)
        if found.version == 0:
            # Not `IF NOT EXISTS`: that needs the right to create schemas even where this one is there.
            there = connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)).fetchone()
            if there is None:
                connection.execute(f"CREATE SCHEMA {schema}".encode())
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {schema}.migrations (number int PRIMARY KEY, name text NOT NULL, "
                "applied timestamptz NOT NULL DEFAULT now())".encode()
            )
        for number, name, statements in MIGRATIONS:
            if number > found.version:
                connection.execute(statements.format(schema=schema).encode(), prepare=False)
                connection.execute(
                    f"INSERT INTO {schema}.migrations (number, name) VALUES (%s, %s)".encode(),
                    (number, name),
                    prepare=False,
                )
    return inspect(connection, schema)


def ready(connection: psycopg.Connection[Any], schema: str, /, *, create: bool) -> Found:
    """The schema, for an adapter that opens.

    Arguments:
        create: whether it is made, or brought to this package's version; see `AdapterDeps`.

    Raises:
        AegisError: as `migrate`; without ``create`` also ``not_found`` where there is none, and
            ``precondition_failed`` for an older version.
    """
    if create:
        return migrate(connection, schema)
    if not is_schema_name(schema) or (found := inspect(connection, schema)).version == 0:
        raise nothing_there(ADAPTER)
    if found.version != VERSION:
        raise _wrong(
            f"the schema {schema!r} has version {found.version}, and this package makes it {VERSION}: "
            "the application does so when it opens"
        )
    return found


def still(connection: psycopg.Connection[Any], schema: str, identity: UUID | None, /) -> None:
    """See that a new connection leads to the database that was opened.

    Raises:
        AegisError: ``precondition_failed`` for another database, or another version of the schema.
    """
    found = inspect(connection, schema)
    if found.version != VERSION or found.identity != identity:
        raise _wrong("another database answers than the one that was opened, or its schema was changed: open again")


def _wrong(message: str) -> AegisError:
    return AegisError(ErrorCode.PRECONDITION_FAILED, message, operation="open", adapter=ADAPTER)
