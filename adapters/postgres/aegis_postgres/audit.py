"""An audit primary in PostgreSQL that several hosts append to, and that joins the caller's own transactions."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

import psycopg

from aegis_core.audit.batch import admit
from aegis_core.audit.port import AuditCapabilities, Entry
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.url import ServiceUrl
from aegis_postgres import arrays, schema
from aegis_postgres.address import Address
from aegis_postgres.condition import condition
from aegis_postgres.connections import Connection, Connections
from aegis_postgres.durability import check_durability
from aegis_postgres.failure import ADAPTER, code_of
from aegis_postgres.joining import join_async, join_here, staged

T = TypeVar("T")

#: Most entries of one `read`.
_PAGE: Final = 1000

#: One statement, and so one round trip: takes over what was joined, and stores the batch if the size is as expected.
#: The first part is read in the condition so that it runs first: two hosts then wait for each other in one order. It
#: has the condition, too: a part that deletes runs whether or not the rest finds anything to do.
_APPEND: Final = """
    WITH batch AS MATERIALIZED (
        SELECT id, body, place FROM unnest(%b, %b) WITH ORDINALITY AS given (id, body, place)
    ), fits AS MATERIALIZED (
        SELECT coalesce((SELECT max(idx) + 1 FROM {schema}.entries), 0) = %b::bigint AS yes
    ), taken AS (
        DELETE FROM {schema}.joined USING batch, fits WHERE joined.id = batch.id AND fits.yes RETURNING 1
    )
    INSERT INTO {schema}.entries (idx, id, body)
    SELECT %b::bigint + place - 1, id, body FROM batch
    WHERE (SELECT count(*) FROM taken) >= 0 AND (SELECT yes FROM fits)
    ORDER BY place
"""


class PostgresAudit:
    """Keeps entries in the table ``entries`` (idx, id, body) of one schema.

    Writers need no lock: an index is a primary key, so of two that expect one size one wins.

    Arguments:
        address: where the database is.
        deps: clock and environment; production refuses a server that does not flush (``fsync = off``).
    """

    name = ADAPTER
    backends = EVERY_BACKEND
    capabilities = AuditCapabilities(shared=True, multi_host=True, joins_transactions=True)

    def __init__(self, address: Address, /, deps: AdapterDeps | None = None) -> None:
        self._deps = AdapterDeps() if deps is None else deps
        self._schema = address.schema
        self._identity: UUID | None = None
        self._warning = ""
        self._connections = Connections(address, begin=self._begin, renew=self._renew, clock=self._deps.clock)
        self._append_sql = _APPEND.format(schema=self._schema)

    async def open(self) -> None:
        await self._connections.open()

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def health(self) -> Health:
        if not self._connections.is_open:
            return Health("down", "not open")

        def look(connection: Connection) -> tuple[int, int, Mapping[str, str | int | float]]:
            row = connection.ask(f"SELECT count(*) FROM (SELECT FROM {self._schema}.joined LIMIT 10000) AS staged")
            found = row.fetchone()
            return self._size(connection), 0 if found is None else int(found[0]), condition(connection)

        try:
            entries, joined, about = await self._connections.run(look, operation="audit.health")
        except AegisError as error:
            return Health("down", error.message)
        facts: dict[str, str | int | float] = {"entries": entries, "torn": 0, "joined": joined, **about}
        return Health("degraded" if self._warning else "up", self._warning, facts)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return code_of(exc)

    def native(self, type_: type[T], /) -> T | None:
        connection = self._connections.some()
        return connection if isinstance(connection, type_) else None

    async def append(self, entries: Sequence[Entry], /, *, expected_size: int) -> Sequence[int]:
        if not entries:
            return []

        def work(connection: Connection) -> Sequence[int]:
            if self._append_at_once(connection, entries, expected_size):
                return range(expected_size, expected_size + len(entries))
            return self._append_with_care(connection, entries, expected_size)

        return await self._connections.run(work, operation="audit.append")

    async def size(self) -> int:
        return await self._connections.run(self._size, operation="audit.size")

    async def read(self, start: int, stop: int, /) -> Sequence[Entry]:
        start = max(start, 0)
        stop = min(stop, start + _PAGE)
        return await self._connections.run(
            lambda connection: self._read(connection, start, stop), operation="audit.read"
        )

    async def find(self, event_id: UUID, /) -> int | None:
        def work(connection: Connection) -> int | None:
            row = connection.ask(f"SELECT idx FROM {self._schema}.entries WHERE id = %s", (event_id,)).fetchone()
            return None if row is None else int(row[0])

        return await self._connections.run(work, operation="audit.find")

    async def join(self, entries: Sequence[Entry], transaction: object, /) -> None:
        await join_async(self._schema, self._known_identity(), entries, transaction)

    def join_sync(self, entries: Sequence[Entry], transaction: object, /) -> None:
        join_here(self._schema, self._known_identity(), entries, transaction)

    async def joined(self, limit: int, /) -> Sequence[Entry]:
        return await self._connections.run(
            lambda connection: staged(connection, self._schema, limit), operation="audit.joined"
        )

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _begin(self, connection: Connection) -> None:
        self._warning = check_durability(connection, self._deps.environment)
        self._identity = schema.ready(connection, self._schema, create=self._deps.create).identity
        arrays.register(connection.adapters)

    def _renew(self, connection: Connection) -> None:
        schema.still(connection, self._schema, self._identity)
        arrays.register(connection.adapters)

    def _known_identity(self) -> UUID:
        if self._identity is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE, "it is not open", operation="audit.join", adapter=self.name, retryable=False
            )
        return self._identity

    def _append_at_once(self, connection: Connection, entries: Sequence[Entry], expected_size: int) -> bool:
        """The usual case: all are new, and the size is right. False: something else is the case, nothing is stored."""
        ids = arrays.uuids([entry.id.bytes for entry in entries])
        bodies = arrays.byteas([entry.body for entry in entries])
        try:
            return connection.ask(self._append_sql, (ids, bodies, expected_size, expected_size)).rowcount == len(
                entries
            )
        except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
            return False  # known ids, or another host at the same size

    def _append_with_care(self, connection: Connection, entries: Sequence[Entry], expected_size: int) -> Sequence[int]:
        with connection.transaction():
            connection.ask("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            size = self._size(connection)
            ids = arrays.uuids([entry.id.bytes for entry in entries])
            rows = connection.ask(
                f"SELECT idx, id, body FROM {self._schema}.entries WHERE id = ANY(%b)", (ids,), binary=True
            ).fetchall()
            found = {key: int(index) for index, key, _ in rows}
            bodies = {int(index): bytes(body) for index, _, body in rows}
            admission = admit(
                entries,
                expected_size=expected_size,
                size=size,
                find=found.get,
                body=bodies.__getitem__,
                adapter=self.name,
            )
            fresh = admission.fresh
            connection.ask(f"DELETE FROM {self._schema}.joined WHERE id = ANY(%b)", (ids,))
            if fresh:
                connection.ask(
                    f"INSERT INTO {self._schema}.entries (idx, id, body) SELECT %b::bigint + place - 1, id, body "
                    "FROM unnest(%b, %b) WITH ORDINALITY AS given (id, body, place)",
                    (
                        size,
                        arrays.uuids([entry.id.bytes for entry in fresh]),
                        arrays.byteas([entry.body for entry in fresh]),
                    ),
                )
        return admission.indexes

    def _size(self, connection: Connection) -> int:
        row = connection.ask(f"SELECT coalesce(max(idx) + 1, 0) FROM {self._schema}.entries").fetchone()
        assert row is not None
        return int(row[0])

    def _read(self, connection: Connection, start: int, stop: int) -> Sequence[Entry]:
        rows = connection.ask(
            f"SELECT idx, id, body FROM {self._schema}.entries WHERE idx >= %s AND idx < %s ORDER BY idx",
            (start, stop),
            binary=True,
        ).fetchall()
        for expected, (index, _, _) in enumerate(rows, start):
            if index != expected:
                raise AegisError(
                    ErrorCode.INTEGRITY,
                    f"entry {expected} is missing: it was removed after it was stored",
                    operation="audit.read",
                    adapter=self.name,
                )
        return [Entry(key, bytes(body)) for _, key, body in rows]


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> PostgresAudit:
    """Make one from ``postgresql://USER@HOST:PORT/DATABASE``; see `Address.from_url` for the options."""
    return PostgresAudit(Address.from_url(url, deps.environment), deps)
