"""A few connections of one adapter: used on worker threads, one hop a call, and renewed when the server comes back.

psycopg's own async connections need asyncio; a plain connection on a worker thread serves asyncio, trio and blocking
code alike. Waiting is bounded on our side, too: a server that stopped answers nothing, and its time-outs do not run.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, TypeVar, cast

import anyio
import anyio.to_thread
import psycopg
from psycopg import pq
from psycopg.abc import PQGen

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import remaining
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.lifetimes import shielded
from aegis_postgres.address import Address
from aegis_postgres.failure import ADAPTER, Late, as_aegis, not_connected

T = TypeVar("T")

#: Connections that one adapter keeps at most, and so calls that run at once; others wait for their turn.
LARGEST_POOL: Final = 4
#: Seconds that the server is given to cancel what came too late.
_CANCEL: Final = 1.0

#: Connections of a parent process, kept so that they are not finalised in the child.
_INHERITED: Final[list["Connection"]] = []

#: Nothing by name that others could put first, and durable when acknowledged whatever the role's own setting is.
_SESSION: Final = """
    SELECT set_config('search_path', 'pg_catalog', false),
           set_config('default_transaction_isolation', 'read committed', false),
           set_config('statement_timeout', %s, false),
           set_config('idle_in_transaction_session_timeout', '60s', false),
           set_config('synchronous_commit',
                      CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                      ELSE current_setting('synchronous_commit') END, false)
"""


class Connection(psycopg.Connection[Any]):
    """A connection whose waiting ends at ``deadline``, in seconds of the system's monotonic clock."""

    deadline: float = float("inf")
    is_late: bool = False

    def ask(
        self, statement: str, values: Sequence[object] = (), /, *, binary: bool = False
    ) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run one statement. Names in it are ours, or the schema's, which is checked to be a plain one."""
        return self.execute(statement.encode(), values or None, binary=binary)

    def wait(self, gen: PQGen[T], interval: float = 0.05, *args: Any, **options: Any) -> T:
        """Wait as psycopg does, and look at the time now and then."""
        return super().wait(self._watched(gen), interval, *args, **options)

    def _watched(self, gen: PQGen[T]) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and SYSTEM_CLOCK.monotonic() > self.deadline:
                    self.is_late = True
                    raise Late("the server did not answer in time")
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast("T", end.value)


class Connections:
    """Connections to one database, for one adapter.

    Arguments:
        address: where.
        begin: called on a worker thread with the first connection: sees to the schema.
        renew: called with each later one: sees that it is still the same database.
        clock: only to learn what is left of the context's time.
    """

    def __init__(
        self,
        address: Address,
        /,
        *,
        begin: Callable[[Connection], None],
        renew: Callable[[Connection], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.address = address
        self._begin = begin
        self._renew = renew
        self._clock = clock
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._limiter: anyio.CapacityLimiter | None = None
        self._process = 0

    @property
    def is_open(self) -> bool:
        """Whether calls may be made, in this process."""
        return self._limiter is not None and self._process == os.getpid()

    async def open(self) -> None:
        """Connect once, so that what is wrong shows now. Idempotent."""
        if self.is_open:
            return
        self._let_go_of_parents()
        limiter = anyio.CapacityLimiter(LARGEST_POOL)
        until = self._until()

        def first() -> None:
            connection = self._connect(until, "open")
            try:
                with _translated("open"):
                    self._begin(connection)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

        await anyio.to_thread.run_sync(first, limiter=limiter)
        self._limiter, self._process = limiter, os.getpid()

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        if self._process not in {0, os.getpid()}:
            self._let_go_of_parents()
        self._limiter, self._process = None, 0
        with self._lock:
            idle, self._idle = self._idle, []
        if idle:
            with shielded():
                await anyio.to_thread.run_sync(_close, idle)

    def _let_go_of_parents(self) -> None:
        """After a fork the connections are still the parent's: they are neither used nor closed here."""
        if self._process not in {0, os.getpid()}:
            _INHERITED.extend(self._idle)
            self._idle = []
            self._lock = threading.Lock()
            self._limiter = None

    def some(self) -> Connection | None:
        """One that is idle, for who needs the driver's own."""
        with self._lock:
            return self._idle[-1] if self._idle else None

    async def run(self, work: Callable[[Connection], T], /, *, operation: str) -> T:
        """Do one piece of work on a worker thread. Cancelled: it ends first, by its own time-out at the latest.

        Raises:
            AegisError: what the driver raised, by code; what ``work`` raises itself comes out unchanged.
        """
        if self._process not in {0, os.getpid()}:
            raise ForkedError("the database adapter")
        limiter = self._limiter
        if limiter is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE, "it is not open", operation=operation, adapter=ADAPTER, retryable=False
            )
        until = self._until()
        return await anyio.to_thread.run_sync(self._run, work, until, operation, limiter=limiter)

    def _until(self) -> float:
        left = remaining(self._clock)
        limit = self.address.timeout if left is None else min(left, self.address.timeout)
        return SYSTEM_CLOCK.monotonic() + limit  # servers take real time, whatever clock a test injects

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _run(self, work: Callable[[Connection], T], until: float, operation: str) -> T:
        if SYSTEM_CLOCK.monotonic() >= until:
            raise AegisError(
                ErrorCode.DEADLINE_EXCEEDED, "no time was left for the database", operation=operation, adapter=ADAPTER
            )
        connection = self._take(until, operation)
        connection.deadline = until
        try:
            with _translated(operation):
                return work(connection)
        except BaseException:
            if connection.is_late:
                _give_up(connection)
                raise as_aegis(Late(), operation) from None  # whatever the driver made of it
            raise
        finally:
            connection.deadline = float("inf")
            self._put_back(connection)

    def _take(self, until: float, operation: str) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                break
            if _is_alive(connection):
                return connection
            connection.close()
        connection = self._connect(until, operation)
        try:
            with _translated(operation):
                self._renew(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, until: float, operation: str) -> Connection:
        parameters = self.address.parameters()
        left = until - SYSTEM_CLOCK.monotonic()
        parameters["connect_timeout"] = max(2, min(self.address.connect_timeout, round(left)))
        try:
            connection = Connection.connect(autocommit=True, **parameters)  # type: ignore[arg-type]
        except psycopg.Error as exc:
            raise not_connected(exc, self.address.place, operation) from None
        connection.deadline = until
        try:
            connection.ask(_SESSION, (str(round(self.address.timeout * 1000)),))
        except psycopg.Error as exc:
            connection.close()
            raise not_connected(exc, self.address.place, operation) from None
        return connection

    def _put_back(self, connection: Connection) -> None:
        is_clean = not connection.closed and connection.info.transaction_status is pq.TransactionStatus.IDLE
        with self._lock:
            if is_clean and self._process in {0, os.getpid()} and self._limiter is not None:
                self._idle.append(connection)
                return
        connection.close()


@contextlib.contextmanager
def _translated(operation: str) -> Generator[None]:
    try:
        yield
    except psycopg.Error as exc:
        raise as_aegis(exc, operation) from None


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()


def _is_alive(connection: Connection) -> bool:
    """Whether an idle connection still stands, without asking the server.

    A server says nothing to who asks nothing, but for its last word, or the end of the stream: what has something to
    read is not used again.
    """
    if connection.closed or connection.pgconn.status != pq.ConnStatus.OK:
        return False
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0)
    except (OSError, psycopg.Error):
        return False


def _give_up(connection: Connection) -> None:
    """Ask the server to stop, so that nothing happens after the caller was told; then let go."""
    connection.deadline = SYSTEM_CLOCK.monotonic() + _CANCEL
    with contextlib.suppress(Exception):
        connection.cancel_safe(timeout=_CANCEL)
    connection.close()
