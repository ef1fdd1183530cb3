"""Small documents in PostgreSQL; on request with deletion that reaches the tables' files.

With ``erases`` the documents lie in small tables of their own. Whoever deletes or replaces one writes its table anew in
the same transaction, without it: PostgreSQL then drops the old file with everything that was ever in it. A plain
``VACUUM`` would only mark the place as free, and leave the bytes. What the write-ahead log and backups keep is told in
``docs/guides/erasure-on-postgres.md``.
"""

import hashlib
from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.state import StateCapabilities, StateDocument, check_body, check_listing, check_name, moved_on
from aegis_core.kernel.url import ServiceUrl
from aegis_postgres import schema
from aegis_postgres.address import Address
from aegis_postgres.condition import condition
from aegis_postgres.connections import Connection, Connections
from aegis_postgres.durability import check_durability
from aegis_postgres.failure import ADAPTER, code_of

T = TypeVar("T")

_ERASABLE: Final = tuple(f"erasable_{number:02d}" for number in range(schema.ERASABLE))


class PostgresState:
    """A `StateStore` that any number of hosts share.

    Arguments:
        address: where the database is, and whether the store erases.
        deps: clock and environment.
    """

    name = ADAPTER
    backends = EVERY_BACKEND

    def __init__(self, address: Address, /, deps: AdapterDeps | None = None) -> None:
        self._deps = AdapterDeps() if deps is None else deps
        self._schema = address.schema
        self._erases = address.erases
        self._capabilities = StateCapabilities(erases=address.erases, multi_host=True)
        self._identity: UUID | None = None
        self._warning = ""
        self._connections = Connections(address, begin=self._begin, renew=self._renew, clock=self._deps.clock)

    @property
    def capabilities(self) -> StateCapabilities:
        return self._capabilities

    async def open(self) -> None:
        await self._connections.open()

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def health(self) -> Health:
        if not self._connections.is_open:
            return Health("down", "not open")
        try:
            about = await self._connections.run(condition, operation="state.health")
        except AegisError as error:
            return Health("down", error.message)
        return Health("degraded" if self._warning else "up", self._warning, about)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return code_of(exc)

    def native(self, type_: type[T], /) -> T | None:
        connection = self._connections.some()
        return connection if isinstance(connection, type_) else None

    async def get(self, name: str, /) -> StateDocument | None:
        check_name(name)
        table = self._table(name)

        def work(connection: Connection) -> StateDocument | None:
            row = connection.ask(f"SELECT revision, body FROM {table} WHERE name = %s", (name,), binary=True).fetchone()
            return None if row is None else StateDocument(name, bytes(row[1]), str(row[0]))

        return await self._hop(work, "state.get")

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        check_name(name)
        check_body(body)
        table = self._table(name)
        if expected is None:
            return await self._hop(lambda connection: self._create(connection, table, name, body), "state.put")
        replace = self._rewrite if self._erases else self._replace
        return await self._hop(lambda connection: replace(connection, table, name, body, expected), "state.put")

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        check_name(name)
        table = self._table(name)
        if self._erases:
            await self._hop(lambda connection: self._rewrite(connection, table, name, None, expected), "state.delete")
        else:
            await self._hop(lambda connection: self._delete(connection, table, name, expected), "state.delete")

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        check_listing(prefix, after, limit)
        tables = _ERASABLE if self._erases else ("documents",)

        def work(connection: Connection) -> list[str]:
            pages = [self._names(connection, table, prefix, after, limit) for table in tables]
            return list(islice(merge(*pages), limit))

        return await self._hop(work, "state.names")

    async def _hop(self, work: Callable[[Connection], T], operation: str) -> T:
        return await self._connections.run(work, operation=operation)

    def _table(self, name: str) -> str:
        if not self._erases:
            return f"{self._schema}.documents"
        # For ever: another spread would look for documents where they are not.
        number = hashlib.sha256(name.encode()).digest()[0] % schema.ERASABLE
        return f"{self._schema}.{_ERASABLE[number]}"

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _begin(self, connection: Connection) -> None:
        self._warning = check_durability(connection, self._deps.environment)
        self._identity = schema.ready(connection, self._schema, create=self._deps.create).identity
        if self._erases:
            self._check_rights(connection)

    def _renew(self, connection: Connection) -> None:
        schema.still(connection, self._schema, self._identity)

    def _check_rights(self, connection: Connection) -> None:
        row = connection.ask(
            "SELECT has_table_privilege(%s, 'TRUNCATE') AND has_database_privilege(current_database(), 'TEMPORARY')",
            (f"{self._schema}.{_ERASABLE[0]}",),
        ).fetchone()
        if row is None or not row[0]:
            raise AegisError(
                ErrorCode.PERMISSION_DENIED,
                "erasing needs the rights to truncate the tables erasable_… and to make temporary tables: grant them",
                operation="open",
                adapter=self.name,
            )

    def _create(self, connection: Connection, table: str, name: str, body: bytes) -> str:
        row = connection.ask(
            f"INSERT INTO {table} (name, revision, body) VALUES (%s, nextval('{self._schema}.revision'), %b) "
            "ON CONFLICT (name) DO NOTHING RETURNING revision",
            (name, body),
        ).fetchone()
        if row is None:
            raise moved_on(name, operation="state.put", adapter=self.name)
        return str(row[0])

    def _replace(self, connection: Connection, table: str, name: str, body: bytes, expected: str) -> str:
        row = connection.ask(
            f"UPDATE {table} SET revision = nextval('{self._schema}.revision'), body = %b "
            "WHERE name = %s AND revision::text = %s RETURNING revision",
            (body, name, expected),
        ).fetchone()
        if row is None:
            raise moved_on(name, operation="state.put", adapter=self.name)
        return str(row[0])

    def _delete(self, connection: Connection, table: str, name: str, expected: str | None) -> None:
        deleted = connection.ask(
            f"DELETE FROM {table} WHERE name = %s AND (%s::text IS NULL OR revision::text = %s)",
            (name, expected, expected),
        ).rowcount
        if not deleted and expected is not None:
            raise moved_on(name, operation="state.delete", adapter=self.name)

    def _rewrite(self, connection: Connection, table: str, name: str, body: bytes | None, expected: str | None) -> str:
        """Write a table anew without one document, or with another body for it.

        One transaction: killed anywhere, it has happened with all of its erasing, or not at all. The lock comes first,
        so that no reader has looked at the table before and will see it emptied.
        """
        operation = "state.delete" if body is None else "state.put"
        revision = ""
        with connection.transaction():
            connection.ask(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            row = connection.ask(f"SELECT revision FROM {table} WHERE name = %s", (name,)).fetchone()
            there = None if row is None else str(row[0])
            if expected is not None and there != expected:
                raise moved_on(name, operation=operation, adapter=self.name)
            connection.ask(
                f"CREATE TEMPORARY TABLE staying ON COMMIT DROP AS SELECT * FROM {table} WHERE name <> %s", (name,)
            )
            connection.ask(f"TRUNCATE {table}")
            connection.ask(f"INSERT INTO {table} SELECT * FROM pg_temp.staying")
            if body is not None:
                revision = self._create(connection, table, name, body)
        return revision

    def _names(self, connection: Connection, table: str, prefix: str, after: str, limit: int) -> list[str]:
        rows = connection.ask(
            f"SELECT name FROM {self._schema}.{table} "
            "WHERE name >= %s AND name < %s AND name > %s ORDER BY name LIMIT %s",
            (prefix, prefix + "\x7f", after, limit),  # names are ASCII below DEL
        )
        return [str(name) for (name,) in rows.fetchall()]


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> PostgresState:
    """Make one from ``postgresql://USER@HOST:PORT/DATABASE``; ``?erases=true`` for subjects' keys."""
    return PostgresState(Address.from_url(url, deps.environment, takes_erases=True), deps)
