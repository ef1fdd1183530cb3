"""An audit primary in one SQLite file: write-ahead log, synchronous=FULL, several processes of one host."""

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from anyio import to_thread

from aegis_core.audit.batch import admit
from aegis_core.audit.port import AuditCapabilities, AuditSink, Entry
from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps, Environment
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.files import durability_warning, make_folders, nothing_there, require_durable, require_there
from aegis_core.kernel.health import Health
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS entries (idx INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, body BLOB NOT NULL)
"""

#: Seconds that one process waits for another one's batch.
_BUSY: Final = 30.0


class SqliteAudit:
    """Keeps entries in the table ``entries`` (idx, id, body). The file may hold the state documents, too.

    Arguments:
        file: the database; its folder is made at `open`.
        environment: in production a network, overlay or memory file system is refused; elsewhere `health` tells.
        create: see `AdapterDeps`.
    """

    name = "sqlite"
    backends = EVERY_BACKEND

    def __init__(self, file: Path, /, *, environment: Environment = "development", create: bool = True) -> None:
        self._file = file.absolute()
        self._create = create
        self._environment: Environment = environment
        self._warning = ""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0

    @property
    def capabilities(self) -> AuditCapabilities:
        return AuditCapabilities(shared=True)

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._close)

    async def health(self) -> Health:
        if self._connection is None or self._pid != os.getpid():
            return Health("down", "not open")
        try:
            entries = await self.size()
        except (sqlite3.Error, AegisError) as error:
            return Health("down", type(error).__name__)
        return Health("degraded" if self._warning else "up", self._warning, {"entries": entries, "torn": 0})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        if not isinstance(exc, sqlite3.Error):
            return None
        primary = (getattr(exc, "sqlite_errorcode", 0) or 0) & 0xFF
        return _CODES.get(primary, ErrorCode.UNAVAILABLE)

    def native(self, type_: type[T], /) -> T | None:
        connection = self._connection
        return connection if isinstance(connection, type_) else None

    async def append(self, entries: Sequence[Entry], /, *, expected_size: int) -> Sequence[int]:
        return await to_thread.run_sync(self._append, entries, expected_size)

    async def size(self) -> int:
        return await to_thread.run_sync(self._with, _size)

    async def read(self, start: int, stop: int, /) -> Sequence[Entry]:
        stop = min(stop, start + 1000)
        return await to_thread.run_sync(self._with, lambda connection: _read(connection, start, stop))

    async def find(self, event_id: UUID, /) -> int | None:
        return await to_thread.run_sync(self._with, lambda connection: _find(connection, event_id))

    def _open(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            return
        # A connection that crossed a fork must be neither used nor closed: it is left behind.
        self._lock = threading.Lock()
        if not self._create:
            require_there(self._file, adapter=self.name)
        require_durable(self._file.parent, self._environment, adapter=self.name)
        make_folders(self._file.parent)
        self._warning = durability_warning(self._file.parent)
        connection = sqlite3.connect(self._file, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            if not self._create and not _has_table(connection):
                raise nothing_there(self.name)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=1", "checkpoint_fullfsync=1"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(_SCHEMA)
            _size(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid = connection, os.getpid()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == os.getpid():
            with self._lock:
                connection.close()

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._pid not in {0, os.getpid()}:
            raise ForkedError("the audit file")
        with self._lock:
            if self._connection is None:
                raise AegisError(ErrorCode.UNAVAILABLE, "the audit file is not open", adapter=self.name)
            return work(self._connection)

    def _append(self, entries: Sequence[Entry], expected_size: int) -> Sequence[int]:
        def work(connection: sqlite3.Connection) -> Sequence[int]:
            connection.execute("BEGIN IMMEDIATE")
            try:
                size = _size(connection)
                admission = admit(
                    entries,
                    expected_size=expected_size,
                    size=size,
                    find=lambda event_id: _find(connection, event_id),
                    body=lambda index: _read(connection, index, index + 1)[0].body,
                    adapter=self.name,
                )
                connection.executemany(
                    "INSERT INTO entries (idx, id, body) VALUES (?, ?, ?)",
                    [(size + k, entry.id.bytes, entry.body) for k, entry in enumerate(admission.fresh)],
                )
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return admission.indexes

        return self._with(work)


def _size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM entries").fetchone()[0])


def _find(connection: sqlite3.Connection, event_id: UUID) -> int | None:
    row = connection.execute("SELECT idx FROM entries WHERE id = ?", (event_id.bytes,)).fetchone()
    return None if row is None else int(row[0])


def _read(connection: sqlite3.Connection, start: int, stop: int) -> Sequence[Entry]:
    rows = connection.execute(
        "SELECT idx, id, body FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop)
    ).fetchall()
    for expected, (index, _, _) in enumerate(rows, max(start, 0)):
        if index != expected:
            raise AegisError(
                ErrorCode.INTEGRITY,
                f"entry {expected} is missing: it was removed after it was stored",
                adapter="sqlite",
            )
    return [Entry(UUID(bytes=bytes(key)), bytes(body)) for _, key, body in rows]


def _has_table(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone() is not None


_CODES: Final = {
    sqlite3.SQLITE_FULL: ErrorCode.RESOURCE_EXHAUSTED,
    sqlite3.SQLITE_PERM: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_READONLY: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_AUTH: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_CORRUPT: ErrorCode.INTEGRITY,
    sqlite3.SQLITE_NOTADB: ErrorCode.INTEGRITY,
}


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> AuditSink:
    """Make one from ``sqlite:FILE``."""
    check_options(url)
    return SqliteAudit(local_path(url), environment=deps.environment, create=deps.create)
