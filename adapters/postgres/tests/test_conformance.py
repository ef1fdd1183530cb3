"""The trail's primary, the state store and joined transactions keep their ports' promises on a real PostgreSQL."""

import threading
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import psycopg
import pytest

from aegis_core.testing.kit import pytest_cases
from aegis_core.testing.kits.audit import AuditHarnessCapabilities, audit_kit
from aegis_core.testing.kits.joins import joins_kit
from aegis_core.testing.kits.state import state_kit
from aegis_postgres import PostgresAudit, PostgresState

PLACE = {}


@pytest.fixture(autouse=True)
def _place(place):
    PLACE["now"] = place
    yield
    PLACE.clear()


class StateHarness:
    def __init__(self, place, stack):
        self._place = place
        self._stack = stack
        self.capabilities = PostgresState(place.address).capabilities

    async def make(self):
        store = PostgresState(self._place.address)
        await store.open()
        self._stack.push_async_callback(store.aclose)
        return store

    async def reopen(self, store, /):
        await store.aclose()
        return await self.make()

    async def raw(self):
        return b""  # the server's files are looked at where erasing is tested


class AuditHarness:
    capabilities = AuditHarnessCapabilities(shared=True, multi_host=True, joins_transactions=True, restarts=True)

    def __init__(self, place, stack):
        self._place = place
        self._stack = stack

    async def sink(self):
        sink = PostgresAudit(self._place.address)
        await sink.open()
        self._stack.push_async_callback(sink.aclose)
        return sink

    async def crash(self):
        raise NotImplementedError

    async def tear(self):
        raise NotImplementedError

    async def damage(self, body, /):
        raise NotImplementedError


class Watched(psycopg.Connection):
    """Notes on which threads it is used."""

    seen = frozenset()

    def cursor(self, *args, **options):
        if isinstance(self.seen, set):
            self.seen.add(threading.get_ident())
        return super().cursor(*args, **options)


class Transaction:
    """A transaction of the application's, on a psycopg connection of its own."""

    def __init__(self, place):
        self.handle = Watched.connect(place.url)
        self.threads = self.handle.seen = set()

    def write(self, row):
        self.handle.execute("INSERT INTO visits VALUES (%s)", [row])

    def commit(self):
        self.handle.commit()

    def rollback(self):
        self.handle.rollback()


class JoinsHarness(AuditHarness):
    def __init__(self, place, stack, connections):
        super().__init__(place, stack)
        self._connections = connections
        with place.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS visits (name text)")
            connection.execute("TRUNCATE visits")

    def begin(self):
        transaction = Transaction(self._place)
        self._connections.callback(transaction.handle.close)
        return transaction

    def written(self):
        with self._place.connect() as connection:
            return sorted(row[0] for row in connection.execute("SELECT name FROM visits"))


@asynccontextmanager
async def state():
    async with AsyncExitStack() as stack:
        yield StateHarness(PLACE["now"], stack)


@asynccontextmanager
async def audit():
    async with AsyncExitStack() as stack:
        yield AuditHarness(PLACE["now"], stack)


@asynccontextmanager
async def joins():
    with ExitStack() as connections:
        async with AsyncExitStack() as stack:
            yield JoinsHarness(PLACE["now"], stack, connections)


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(state_kit, {"postgres": state}))
async def test_the_state_store_keeps_its_promises(check):
    await check()


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(audit_kit, {"postgres": audit}))
async def test_the_primary_keeps_its_promises(check):
    await check()


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(joins_kit, {"psycopg": joins}))
async def test_joined_transactions_keep_their_promises(check):
    await check()


def test_the_password_is_told_nowhere(place):
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(place.url.replace("127.0.0.1", "127.0.0.2"), connect_timeout=1)
    assert "postgres@" not in repr(PostgresAudit(place.address))
