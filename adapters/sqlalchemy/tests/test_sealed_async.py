"""Sealed attributes on an event loop: keys are awaited, and nothing stops the loop."""

from asyncio import to_thread

import pytest
from sqlalchemy import create_engine, insert, select
from sqlalchemy.ext.asyncio import AsyncAttrs, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from aegis_core import PII, AegisError, ErrorCode, Keyring, Mrn, blocking
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_sqlalchemy import seal_with, sealed

ID = "1-1002-00007-11-4"


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Patient(Base):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    national_id: Mapped[str | None] = sealed(PII.NATIONAL_ID, subject="mrn", token=str)


def refused(call):
    with pytest.raises(AegisError) as caught:
        call()
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    return str(caught.value)


@pytest.fixture(params=["sqlite", "postgres"])
async def async_engine(request):
    if request.param == "sqlite":
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    else:
        engine = request.getfixturevalue("place").async_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.mark.anyio
async def test_async_sessions_seal_and_search_and_await_what_they_read(async_engine):
    async with Keyring(MemoryVault(), MemoryState()) as ring:
        seal_with(Base.metadata, lambda: ring)
        async with async_sessionmaker(async_engine)() as session:
            session.add(Patient(mrn="HN-1", national_id=ID))
            await session.execute(insert(Patient), [{"mrn": "HN-2", "national_id": "2"}])
            await session.commit()
            found = (await session.scalars(select(Patient).where(Patient.national_id == ID))).one()
            assert await found.awaitable_attrs.national_id == ID
            assert await session.run_sync(lambda _session: found.national_id) == ID
            # Also with the key at hand, for that would end a minute later.
            assert "awaitable_attrs" in refused(lambda: found.national_id)
            found.mrn = "HN-9"
            await session.commit()
            await session.refresh(found)
            assert await found.awaitable_attrs.national_id == ID


@pytest.mark.anyio
async def test_a_blocking_keyring_never_stops_a_loop():
    engine = create_engine("sqlite://", poolclass=StaticPool)

    def made(ring):
        seal_with(Base.metadata, lambda: ring)
        Base.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session:
            session.add(patient := Patient(mrn="HN-1", national_id=ID))
            session.commit()
            return patient

    ring = blocking.Keyring(MemoryVault(), MemoryState())
    await to_thread(ring.__enter__)
    patient = await to_thread(made, ring)
    assert await to_thread(lambda: patient.national_id) == ID
    refused(lambda: patient.national_id)  # also with the key at hand
    await to_thread(ring.__exit__, None, None, None)
    engine.dispose()
