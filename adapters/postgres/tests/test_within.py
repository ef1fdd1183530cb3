"""An event recorded within the application's own transaction: both or neither, and provable once it committed."""

import threading
from contextlib import asynccontextmanager
from typing import ClassVar

import attrs
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from aegis_core import blocking
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.memory.keys import MemoryVault
from aegis_postgres import PostgresAudit, PostgresState

ORIGIN = "clinic.example/audit"


@attrs.frozen
class Visited(AuditEvent):
    action: ClassVar[str] = "patient.visited"
    number: int = 0


@pytest.fixture
def visits(place):
    with place.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS numbered_visits (number int)")
        connection.execute("TRUNCATE numbered_visits")

    def numbers():
        with place.connect() as connection:
            return sorted(number for (number,) in connection.execute("SELECT number FROM numbered_visits"))

    return numbers


@asynccontextmanager
async def opened(place):
    ring = Keyring(MemoryVault(), PostgresState(place.address))
    async with ring, AuditTrail(PostgresAudit(place.address), ring, origin=ORIGIN) as trail:
        yield trail


@pytest.fixture
def trail(place):
    with (
        blocking.Keyring(MemoryVault(), PostgresState(place.address)) as ring,
        blocking.AuditTrail(PostgresAudit(place.address), ring, origin=ORIGIN) as trail,
    ):
        yield trail


def refuses_to_prove(error: AegisError) -> bool:
    return error.code is ErrorCode.NOT_FOUND


def test_from_blocking_code_both_or_neither(place, visits, trail):
    with place.connect() as connection:
        connection.execute("INSERT INTO numbered_visits VALUES (1)")
        kept = trail.record(Visited(1), within=connection)
        with pytest.raises(AegisError, check=refuses_to_prove):
            trail.prove(kept)
    with place.connect() as connection:
        connection.execute("INSERT INTO numbered_visits VALUES (2)")
        lost = trail.record(Visited(2), within=connection)
        connection.rollback()
    assert kept.index is None
    proof = trail.prove(kept)
    assert proof.checkpoint.size == 1
    with pytest.raises(AegisError, check=refuses_to_prove):
        trail.prove(lost)
    assert visits() == [1]
    assert [event.event_id for event in trail.entries()] == [kept.event_id]
    assert trail.verify().intact


def test_blocking_code_uses_the_connection_on_its_own_thread(place, visits, trail):
    seen = set()

    class Watched(psycopg.Connection):
        def cursor(self, *args, **options):
            seen.add(threading.get_ident())
            return super().cursor(*args, **options)

    with Watched.connect(place.url) as connection:
        trail.record(Visited(1), within=connection)
    assert seen == {threading.get_ident()}


def test_blocking_code_with_an_sqlalchemy_session(place, visits, trail):
    engine = sqlalchemy.create_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session, session.begin():
        session.execute(sqlalchemy.text("INSERT INTO numbered_visits VALUES (1)"))
        kept = trail.record(Visited(1), within=session)
    with Session(engine) as session:
        lost = trail.record(Visited(2), within=session)
        session.rollback()
    with engine.begin() as connection:
        also = trail.record(Visited(3), within=connection)
    engine.dispose()
    trail.prove(kept)
    trail.prove(also)
    with pytest.raises(AegisError, check=refuses_to_prove):
        trail.prove(lost)
    assert visits() == [1]


# psycopg's and SQLAlchemy's own async connections run on asyncio only.
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)


@on_asyncio
@pytest.mark.anyio
async def test_an_async_connection_both_or_neither(place, visits):
    async with opened(place) as trail:
        async with await psycopg.AsyncConnection.connect(place.url) as connection:
            await connection.execute("INSERT INTO numbered_visits VALUES (1)")
            kept = await trail.record(Visited(1), within=connection)
        async with await psycopg.AsyncConnection.connect(place.url, autocommit=True) as connection:
            async with connection.transaction() as transaction:
                also = await trail.record(Visited(2), within=transaction)
            async with connection.transaction() as transaction:
                lost = await trail.record(Visited(3), within=transaction)
                raise psycopg.Rollback(transaction)
        await trail.prove(kept)
        await trail.prove(also)
        with pytest.raises(AegisError, check=refuses_to_prove):
            await trail.prove(lost)
    assert visits() == [1]


@on_asyncio
@pytest.mark.anyio
async def test_an_async_sqlalchemy_session_both_or_neither(place, visits):
    engine = create_async_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))
    async with opened(place) as trail:
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(sqlalchemy.text("INSERT INTO numbered_visits VALUES (1)"))
            kept = await trail.record(Visited(1), within=session)
        async with AsyncSession(engine) as session:
            lost = await trail.record(Visited(2), within=session)
            await session.rollback()
        async with engine.begin() as connection:
            also = await trail.record(Visited(3), within=connection)
        await trail.prove(kept)
        await trail.prove(also)
        with pytest.raises(AegisError, check=refuses_to_prove):
            await trail.prove(lost)
    await engine.dispose()
    assert visits() == [1]


@pytest.mark.anyio
async def test_what_could_not_keep_both_or_neither_is_refused(place):
    async with opened(place) as trail:
        with place.connect(autocommit=True) as idle:
            with pytest.raises(AegisError, match="autocommit") as caught:
                await trail.record(Visited(), within=idle)
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        with place.connect() as failed:
            with pytest.raises(psycopg.errors.UndefinedTable):
                failed.execute("SELECT * FROM nowhere")
            with pytest.raises(AegisError, match="roll it back") as caught:
                await trail.record(Visited(), within=failed)
            assert caught.value.code is ErrorCode.PRECONDITION_FAILED
        with place.connect() as gone:
            gone.close()
            with pytest.raises(AegisError) as caught:
                await trail.record(Visited(), within=gone)
            assert caught.value.code is ErrorCode.UNAVAILABLE
        other = sqlalchemy.create_engine("sqlite://")
        with Session(other) as session:
            with pytest.raises(AegisError, match="psycopg driver") as caught:
                await trail.record(Visited(), within=session)
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        other.dispose()
        assert (await trail.checkpoint()).size == 0


def test_an_async_transaction_in_blocking_code_is_refused_by_name(place, trail):
    engine = create_async_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(AegisError, match=r"async trail; within= takes a psycopg Connection") as caught:
        trail.record(Visited(), within=AsyncSession(engine))
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.anyio
async def test_a_transaction_of_another_database_is_refused_though_its_tables_have_the_same_names(place):
    with place.connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE other_{place.address.schema}")
    other = attrs.evolve(place.address, database=f"other_{place.address.schema}")
    theirs = PostgresAudit(other)
    await theirs.open()
    async with opened(place) as trail:
        with psycopg.connect(place.url, dbname=other.database) as connection:
            with pytest.raises(AegisError, match="in another database") as caught:
                await trail.record(Visited(), within=connection)
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert list(await theirs.joined(10)) == []
    await theirs.aclose()
    with place.connect(autocommit=True) as connection:
        connection.execute(f"DROP DATABASE other_{place.address.schema}")


@pytest.mark.anyio
async def test_what_a_killed_application_committed_is_given_its_index_by_another(place):
    async with opened(place) as trail:
        with place.connect() as connection:
            receipt = await trail.record(Visited(1), within=connection)
            connection.commit()
        sink = PostgresAudit(place.address)
        await sink.open()
        found = await sink.joined(10)
        await sink.append(found, expected_size=await sink.size())  # as the other host's trail does
        await sink.aclose()
        assert (await trail.prove(receipt)).checkpoint.size == 1
        assert (await trail.verify()).intact


@pytest.mark.anyio
async def test_rows_of_any_shape_and_a_prepared_connection_do(place):
    async with opened(place) as trail:
        with place.connect(row_factory=psycopg.rows.dict_row) as connection:
            connection.prepare_threshold = 0
            for number in range(3):
                await trail.record(Visited(number), within=connection)
            event = Visited(7)
            await trail.record(event, within=connection)
            with pytest.raises(AegisError) as caught:
                await trail.record(attrs.evolve(event, number=8), within=connection)
            assert caught.value.code is ErrorCode.CONFLICT
        assert (await trail.checkpoint()).size == 4
