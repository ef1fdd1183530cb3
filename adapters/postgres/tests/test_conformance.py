"""The primary, the state store and joined transactions keep their ports' promises on a real PostgreSQL."""

import threading
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from aegis_core.blocking.portal import PORTAL
from aegis_core.testing.kit import Subject, pytest_cases
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


def files_of(place) -> bytes:
    """Every byte of the tables and indexes of all databases, after everything was written out. Not the log."""
    with place.connect(autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    folder = Path(place.running.folder, "cluster")
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "pg_wal" not in file.parts:
            try:
                found.append(file.read_bytes())
            except FileNotFoundError:  # the server removed it meanwhile
                continue
    return b"".join(found)


class StateHarness:
    def __init__(self, place, stack, erases):
        self._place = place
        self._address = attrs.evolve(place.address, erases=erases)
        self._stack = stack
        self.capabilities = PostgresState(self._address).capabilities

    async def make(self):
        store = PostgresState(self._address)
        await store.open()
        self._stack.push_async_callback(store.aclose)
        return store

    async def reopen(self, store, /):
        await store.aclose()
        return await self.make()

    async def raw(self):
        return files_of(self._place)


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


class Watched(psycopg.Connection):
    """Notes on which threads it is used."""

    seen = frozenset()

    def cursor(self, *args, **options):
        if isinstance(self.seen, set):
            self.seen.add(threading.get_ident())
        return super().cursor(*args, **options)


class Plain:
    """A transaction of the application's, on a psycopg connection of its own."""

    def __init__(self, place, connections):
        self.connection = Watched.connect(place.url)
        connections.callback(self.connection.close)
        self.threads = self.connection.seen = set()

    @property
    def handle(self):
        return self.connection

    def write(self, row):
        self.connection.execute("INSERT INTO visits VALUES (%s)", [row])

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()


class Block(Plain):
    """The same with psycopg's ``with connection.transaction()``."""

    def __init__(self, place, connections):
        super().__init__(place, connections)
        self.connection.autocommit = True
        self.block = self.connection.transaction()
        self.transaction = self.block.__enter__()

    @property
    def handle(self):
        return self.transaction

    def commit(self):
        self.block.__exit__(None, None, None)

    def rollback(self):
        self.block.__exit__(psycopg.Rollback, psycopg.Rollback(), None)


class Alchemy:
    """A transaction of the application's, in an SQLAlchemy session or on its connection."""

    def __init__(self, place, connections, *, has_session):
        watched = Watched.connect(place.url)
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: watched, poolclass=sqlalchemy.pool.StaticPool
        )
        self.session = Session(engine) if has_session else engine.connect()
        connections.callback(engine.dispose)
        connections.callback(self.session.close)
        self.threads = watched.seen = set()

    @property
    def handle(self):
        return self.session

    def write(self, row):
        self.session.execute(sqlalchemy.text("INSERT INTO visits VALUES (:row)"), {"row": row})

    def commit(self):
        self.session.commit()

    def rollback(self):
        self.session.rollback()


class JoinsHarness(AuditHarness):
    def __init__(self, place, stack, connections, kind):
        super().__init__(place, stack)
        self._connections = connections
        self._kind = kind
        with place.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS visits (name text)")
            connection.execute("TRUNCATE visits")

    def begin(self):
        return self._kind(self._place, self._connections)

    def written(self):
        with self._place.connect() as connection:
            return sorted(row[0] for row in connection.execute("SELECT name FROM visits"))


@asynccontextmanager
async def state(*, erases):
    async with AsyncExitStack() as stack:
        yield StateHarness(PLACE["now"], stack, erases)


@asynccontextmanager
async def audit():
    async with AsyncExitStack() as stack:
        yield AuditHarness(PLACE["now"], stack)


@asynccontextmanager
async def joins(kind):
    with ExitStack() as connections:
        async with AsyncExitStack() as stack:
            yield JoinsHarness(PLACE["now"], stack, connections, kind)


STORES = {"plain": partial(state, erases=False), "erasing": partial(state, erases=True)}
TRANSACTIONS = {
    "psycopg": partial(joins, Plain),
    "psycopg-block": partial(joins, Block),
    "sqlalchemy-session": partial(joins, partial(Alchemy, has_session=True)),
    "sqlalchemy-connection": partial(joins, partial(Alchemy, has_session=False)),
}

SUBJECTS = {
    "plain": Subject("postgres", "postgres"),
    "erasing": Subject(
        "postgres",
        "postgres",
        "erases=true",
        emulated={"erases": "each change writes the whole of one of its tables anew, and the old file is removed"},
    ),
    "postgres": Subject("postgres", "postgres"),
    **{name: Subject("postgres", "postgres", name) for name in TRANSACTIONS},
}


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(state_kit, STORES, SUBJECTS))
async def test_the_state_store_keeps_its_promises(check):
    await check()


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(audit_kit, {"postgres": audit}, SUBJECTS))
async def test_the_primary_keeps_its_promises(check):
    await check()


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(joins_kit, TRANSACTIONS, SUBJECTS))
async def test_joined_transactions_keep_their_promises(check):
    await check()


@pytest.mark.anyio
async def test_without_erases_a_deleted_body_stays_in_the_servers_files_even_after_a_vacuum(place):
    """What the erasing store is for, and that looking at the files sees what is there."""
    plain, erasing = PostgresState(place.address), PostgresState(attrs.evolve(place.address, erases=True))
    for store in (plain, erasing):
        await store.open()
        await store.put("subjects/stays", b"<a-neighbour>" * 10, expected=None)
    await plain.put("subjects/a", b"<plain-remains>" * 10, expected=None)
    await erasing.put("subjects/a", b"<erased-for-good>" * 10, expected=None)
    there = files_of(place)
    assert b"<plain-remains>" in there
    assert b"<erased-for-good>" in there
    await plain.delete("subjects/a")
    await erasing.delete("subjects/a")
    with place.connect(autocommit=True) as connection:
        connection.execute(f"VACUUM {place.address.schema}.documents")
    there = files_of(place)
    assert b"<plain-remains>" in there
    assert b"<erased-for-good>" not in there
    for store in (plain, erasing):
        assert (await store.get("subjects/stays")).body == b"<a-neighbour>" * 10
        await store.aclose()


@pytest.mark.anyio
async def test_a_long_transaction_of_others_keeps_no_erased_body(place):
    """Vacuuming would leave what an old snapshot may still see."""
    erasing = PostgresState(attrs.evolve(place.address, erases=True))
    await erasing.open()
    await erasing.put("subjects/a", b"<seen-by-an-old-snapshot>" * 10, expected=None)
    with place.connect() as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute(f"SELECT count(*) FROM {place.address.schema}.documents")
        await erasing.delete("subjects/a")
        assert b"<seen-by-an-old-snapshot>" not in files_of(place)
    await erasing.aclose()


BLOCKING = [
    *pytest_cases(state_kit, {"plain": STORES["plain"]}, SUBJECTS),
    *pytest_cases(audit_kit, {"postgres": audit}, SUBJECTS),
    *pytest_cases(joins_kit, {"psycopg": TRANSACTIONS["psycopg"]}, SUBJECTS),
]


@pytest.mark.parametrize("check", BLOCKING)
def test_blocking_code_finds_the_same_promises_kept(check):
    if reason := PORTAL.run(check.run):
        pytest.skip(reason)
