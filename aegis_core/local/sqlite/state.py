"""State documents in a SQLite file that erases: nothing of a deleted body stays in the file or its journal.

``secure_delete`` overwrites what is freed, and each deletion and replacement ends with a checkpoint that empties the
write-ahead log within the call. That alone is not enough: when SQLite balances its tree it copies rows to other pages
and leaves the old copy behind. So a page's worth of zeros stands in front of each body: the body then lies on overflow
pages, which are never copied, only overwritten. See ``docs/decisions/0021-erasing-from-sqlite.md``.
"""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.files import (
    classify_os_error,
    durability_warning,
    make_folders,
    nothing_there,
    publish_new,
    require_durable,
    require_there,
    sync_file,
    write_new,
)
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.registry import check_options, local_path
from aegis_core.kernel.state import StateCapabilities, StateDocument, check_body, check_listing, check_name, moved_on
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")

#: Seconds for which a call waits for other connections to the file.
_PATIENCE: Final = 10.0
_ATTEMPTS: Final = 100
#: Bytes of a page of a file that we make: small, for each document takes one more page than its body needs.
_PAGE: Final = 1024

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS documents (
    name TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    padding INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS document_revision (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    last INTEGER NOT NULL
);
INSERT OR IGNORE INTO document_revision VALUES (1, 0);
"""

#: Connections of a parent process, kept so that they are not finalised in the child.
_INHERITED: Final[list[sqlite3.Connection]] = []

_CODES: Final = {
    sqlite3.SQLITE_BUSY: ErrorCode.UNAVAILABLE,
    sqlite3.SQLITE_LOCKED: ErrorCode.UNAVAILABLE,
    sqlite3.SQLITE_PROTOCOL: ErrorCode.UNAVAILABLE,
    sqlite3.SQLITE_FULL: ErrorCode.RESOURCE_EXHAUSTED,
    sqlite3.SQLITE_NOMEM: ErrorCode.RESOURCE_EXHAUSTED,
    sqlite3.SQLITE_READONLY: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_PERM: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_CANTOPEN: ErrorCode.PERMISSION_DENIED,
    sqlite3.SQLITE_CORRUPT: ErrorCode.INTEGRITY,
    sqlite3.SQLITE_NOTADB: ErrorCode.INTEGRITY,
    sqlite3.SQLITE_TOOBIG: ErrorCode.INVALID_ARGUMENT,
    sqlite3.SQLITE_IOERR: ErrorCode.INTERNAL,
}


class SqliteState:
    """A `StateStore` in one SQLite file that several processes of one host may share. Each call is one thread hop.

    Arguments:
        path: the file; made, with its folder, when the store opens.
        deps: clock, entropy and environment.
    """

    name = "sqlite"
    capabilities = StateCapabilities(erases=True)
    backends = EVERY_BACKEND

    def __init__(self, path: Path | str, /, deps: AdapterDeps | None = None) -> None:
        self.path = Path(path).absolute()
        self._deps = AdapterDeps() if deps is None else deps
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self._process = -1
        self._padding = 0

    async def open(self) -> None:
        if self._process != os.getpid():
            await anyio.to_thread.run_sync(self._open)

    async def aclose(self) -> None:
        if self._process != os.getpid():
            self._let_go_of_parents()
        connection, self._connection = self._connection, None
        self._process = -1
        if connection is not None:
            with shielded():
                await anyio.to_thread.run_sync(connection.close)

    async def health(self) -> Health:
        if self._connection is None:
            return Health("down", "not open")
        warning = await anyio.to_thread.run_sync(durability_warning, self.path.parent)
        return Health("degraded", warning) if warning else UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        if isinstance(exc, sqlite3.Error):
            return _CODES.get(getattr(exc, "sqlite_errorcode", -1) & 0xFF)
        return classify_os_error(exc)

    def native(self, type_: type[T], /) -> T | None:
        return self._connection if isinstance(self._connection, type_) else None

    async def get(self, name: str, /) -> StateDocument | None:
        check_name(name)
        return await self._hop(lambda connection: self._get(connection, name))

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        check_name(name)
        check_body(body)
        return await self._hop(lambda connection: self._put(connection, name, body, expected))

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        check_name(name)
        await self._hop(lambda connection: self._delete(connection, name, expected))

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        check_listing(prefix, after, limit)
        return await self._hop(lambda connection: self._names(connection, prefix, after, limit))

    async def _hop(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise AegisError(ErrorCode.UNAVAILABLE, "the state store is not open", adapter=self.name, retryable=False)
        if self._process != os.getpid():
            raise ForkedError("the state store")

        def run() -> T:
            with self._turn:
                return work(connection)

        return await anyio.to_thread.run_sync(run)

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _let_go_of_parents(self) -> None:
        """After a fork the connection is still the parent's: it is neither used nor closed here."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        self._connection = None
        self._turn = threading.Lock()

    def _open(self) -> None:
        self._let_go_of_parents()
        folder = self.path.parent
        if not self._deps.create:
            require_there(self.path, adapter=self.name)
        require_durable(folder, self._deps.environment, adapter=self.name)
        make_folders(folder)
        if not self.path.exists():
            # Made elsewhere and linked: closing a descriptor of the file itself would drop the locks of another
            # connection of this process (POSIX), and SQLite's own way of making it follows the umask.
            temporary = folder / f".{self.path.name}.{self._deps.entropy.octets(8).hex()}"
            write_new(temporary, [])
            try:
                publish_new(temporary, self.path)
            except FileExistsError:  # another process was first
                pass
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._process = os.getpid()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not self._deps.create and not _has_table(connection):
            raise nothing_there(self.name)
        connection.execute(f"PRAGMA page_size = {_PAGE}")  # for a file that is new; another keeps its own
        self._switch_to_wal(connection)
        for pragma in ("synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
        with _writing(connection):
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        self._padding = int(_one(connection, "PRAGMA page_size"))
        self._erase(connection)  # what a killed process deleted and did not come to erase

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        mode = ""
        for attempt in range(_ATTEMPTS):
            try:
                mode = _one(connection, "PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                # Connections that open a new file at once: SQLite waits for its turn here only in a transaction.
                if attempt == _ATTEMPTS - 1 or self.classify(error) is not ErrorCode.UNAVAILABLE:
                    raise
                with _writing(connection):
                    pass
        if mode != "wal":
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "SQLite keeps no write-ahead log in this folder: name a folder on a local disk",
                operation="open",
                adapter=self.name,
            )

    def _get(self, connection: sqlite3.Connection, name: str) -> StateDocument | None:
        row = connection.execute(
            "SELECT revision, substr(body, padding + 1) FROM documents WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None else StateDocument(name, row[1], str(row[0]))

    def _revision(self, connection: sqlite3.Connection, name: str) -> str | None:
        row = connection.execute("SELECT revision FROM documents WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _put(self, connection: sqlite3.Connection, name: str, body: bytes, expected: str | None) -> str:
        padded = b"".join((bytes(self._padding), body))
        with _writing(connection):
            if self._revision(connection, name) != expected:
                raise moved_on(name, operation="state.put", adapter=self.name)
            connection.execute("UPDATE document_revision SET last = last + 1")
            revision = int(_one(connection, "SELECT last FROM document_revision"))
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET revision = excluded.revision, padding = excluded.padding, body = excluded.body",
                (name, revision, self._padding, padded),
            )
        if expected is not None:
            self._erase(connection)
        return str(revision)

    def _delete(self, connection: sqlite3.Connection, name: str, expected: str | None) -> None:
        with _writing(connection):
            if expected is not None and self._revision(connection, name) != expected:
                raise moved_on(name, operation="state.delete", adapter=self.name)
            connection.execute("DELETE FROM documents WHERE name = ?", (name,))
        # Also where nothing was there: a caller who tries again finishes what was cut off.
        self._erase(connection)

    def _erase(self, connection: sqlite3.Connection) -> None:
        """Move the write-ahead log into the file, and empty it: old pages stand there until then."""
        clock = SYSTEM_CLOCK  # other processes take real time, whatever clock a test injects
        until = clock.monotonic() + _PATIENCE
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            # Busy. SQLite waits by itself for readers and writers, but not for another checkpoint.
            if clock.monotonic() > until:
                raise AegisError(
                    ErrorCode.UNAVAILABLE,
                    "the document is written or gone, but another connection still reads old pages: "
                    "end its transaction and delete again, so that the former body is erased",
                    adapter=self.name,
                )
            clock.sleep_sync(0.002)
        try:
            fd = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)  # SQLite keeps no locks on this one
        except FileNotFoundError:
            return
        try:
            sync_file(fd)
        finally:
            os.close(fd)

    def _names(self, connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> list[str]:
        rows = connection.execute(
            "SELECT name FROM documents WHERE name >= ? AND name < ? AND name > ? ORDER BY name LIMIT ?",
            (prefix, prefix + "\x7f", after, limit),  # names are ASCII below DEL
        )
        return [name for (name,) in rows.fetchall()]


@contextmanager
def _writing(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _has_table(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'").fetchone() is not None


def _one(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> SqliteState:
    """Make one from ``sqlite:FILE`` (relative to the working directory) or ``sqlite:///FILE``."""
    check_options(url)
    return SqliteState(local_path(url), deps)
