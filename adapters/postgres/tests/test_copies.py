"""Copies of a trail in PostgreSQL, and of a trail that lies there: on a real server, which is killed and comes back."""

import socket
from contextlib import AsyncExitStack
from typing import Annotated, ClassVar

import anyio
import attrs
import psycopg
import pytest

from aegis_core import blocking
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.sinkcheck import verify_sink
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_postgres import Address, PostgresAudit

from .conftest import new_place

ORIGIN = "clinic.example/audit"


@attrs.frozen
class Visited(AuditEvent):
    action: ClassVar[str] = "patient.visited"

    number: int = 0
    name: Annotated[str, PHI.NAME] = "Somchai Jaidee"


@pytest.fixture
def elsewhere(postgres):
    place = new_place(postgres)
    yield place
    place.drop()


@pytest.fixture
async def trails(tmp_path):
    """Makes trails as further hosts would: one keyring, sinks of their own."""
    async with AsyncExitStack() as stack:
        ring = Keyring(MemoryVault(), FileState(tmp_path / "state"), subjects=MemoryState())
        await stack.enter_async_context(ring)

        async def make(primary, copy):
            trail = AuditTrail(primary, ring, origin=ORIGIN, copies={"offsite": copy})
            return await stack.enter_async_context(trail)

        yield make


async def fill(trail, count: int) -> None:
    for pending in [trail.submit(Visited(number)) for number in range(count)]:
        await pending


async def everything(sink):
    await sink.open()
    try:
        size, found = await sink.size(), []
        while len(found) < size:
            found += await sink.read(len(found), size)
        return found
    finally:
        await sink.aclose()


PAIRS = ["file to postgres", "postgres to file", "postgres to postgres"]


@pytest.mark.anyio
@pytest.mark.parametrize("pair", PAIRS)
async def test_a_copy_becomes_what_the_primary_is(pair, place, elsewhere, trails, tmp_path, phi_canary):
    def sink(kind, where, folder):
        return FileAudit(tmp_path / folder) if kind == "file" else PostgresAudit(where.address)

    source, target = pair.split(" to ")
    trail = await trails(sink(source, place, "primary"), sink(target, elsewhere, "copy"))
    with acting(Principal("dr-a", "test"), purpose=Purpose.TREATMENT, subject=phi_canary.patient["mrn"]):
        await trail.record(Visited(1, phi_canary.patient["name"]))
        if source == "postgres":
            with place.connect() as connection:
                kept = await trail.record(Visited(2, phi_canary.patient["name"]), within=connection)
            with place.connect() as connection:
                await trail.record(Visited(3), within=connection)
                connection.rollback()
            assert (await trail.prove(kept)).index == 1  # once it has its place in the primary, it is copied, too
    await fill(trail, 2300)
    checkpoint = await trail.checkpoint()
    state = (await trail.catch_up())["offsite"]
    assert (state.size, state.behind, state.failure, state.finding) == (checkpoint.size, 0, None, None)
    copied = await everything(sink(target, elsewhere, "copy"))
    assert copied == await everything(sink(source, place, "primary"))
    phi_canary.assert_absent(*(entry.body for entry in copied), str(trail.copies()), str(await trail.health()))
    assert (await trail.verify(copy="offsite")).intact


@pytest.mark.anyio
async def test_a_copy_whose_rows_were_changed_is_found_and_not_written_to(place, elsewhere, trails):
    trail = await trails(PostgresAudit(place.address), PostgresAudit(elsewhere.address))
    await fill(trail, 300)
    checkpoint = await trail.checkpoint()
    await trail.catch_up()
    keys = [VerifierKey.decode(text) for text in await trail.verifier_keys()]
    copy = PostgresAudit(elsewhere.address)
    await copy.open()
    assert (await verify_sink(copy, checkpoint.note, keys)).intact

    with elsewhere.connect(autocommit=True) as connection:
        table = f"{elsewhere.address.schema}.entries"
        connection.execute("SET session_replication_role = replica")  # the schema's own trigger refuses it otherwise
        connection.execute(f"UPDATE {table} SET body = overlay(body placing %s from 3 for 1) WHERE idx = 290", (b"!",))
    assert not (await verify_sink(copy, checkpoint.note, keys)).intact
    await copy.aclose()
    verdict = await trail.verify(copy="offsite")
    assert 290 in {finding.index for finding in verdict.findings}
    assert (await trail.verify()).intact

    await trail.aclose()
    trail = await trails(PostgresAudit(place.address), PostgresAudit(elsewhere.address))
    await fill(trail, 5)
    assert (await trail.catch_up())["offsite"].finding.index == 290
    with elsewhere.connect() as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (300,)


@pytest.mark.anyio
async def test_the_copy_of_another_trail_is_refused(place, elsewhere, trails, tmp_path):
    first = await trails(PostgresAudit(place.address), PostgresAudit(elsewhere.address))
    await fill(first, 3)
    await first.catch_up()
    other = Keyring(MemoryVault(), FileState(tmp_path / "other"), subjects=MemoryState())
    copies = {"offsite": PostgresAudit(elsewhere.address)}
    async with other, AuditTrail(FileAudit(tmp_path / "own"), other, origin="other.example", copies=copies) as trail:
        await fill(trail, 5)
        assert (await trail.catch_up())["offsite"].finding is not None
        assert (await trail.health()).state == "degraded"
    assert await everything(PostgresAudit(elsewhere.address)) == await everything(PostgresAudit(place.address))


@pytest.mark.anyio
async def test_hosts_that_copy_to_one_place_at_once_double_nothing(place, elsewhere, trails):
    hosts = [await trails(PostgresAudit(place.address), PostgresAudit(elsewhere.address)) for _ in range(3)]
    async with anyio.create_task_group() as group:
        for host in hosts:
            for _ in range(3):
                group.start_soon(fill, host, 150)
                group.start_soon(host.catch_up)
    states = [(await host.catch_up())["offsite"] for host in hosts]
    assert {(state.size, state.behind, state.failure, state.finding) for state in states} == {(1350, 0, None, None)}
    assert await everything(PostgresAudit(elsewhere.address)) == await everything(PostgresAudit(place.address))


@pytest.mark.anyio
async def test_a_copy_whose_server_is_killed_in_the_middle_catches_up_when_it_is_back(
    aegis_own_server, trails, tmp_path
):
    running = aegis_own_server("postgres")
    address = Address("127.0.0.1", "postgres", running.endpoint.port, "postgres")
    trail = await trails(FileAudit(tmp_path / "primary"), PostgresAudit(address))
    await fill(trail, 100)
    await trail.catch_up()
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(fill, trail, 400)
        running.kill()
    state = (await trail.catch_up())["offsite"]
    assert (state.failure.code, state.finding) == (ErrorCode.UNAVAILABLE, None)
    assert state.behind > 0
    assert (await trail.health()).state == "degraded"
    await fill(trail, 100)
    running.start()
    state = (await trail.catch_up())["offsite"]
    assert (state.size, state.behind, state.failure) == (1800, 0, None)
    assert (await trail.checkpoint()).size == 1800
    assert (await trail.verify(copy="offsite")).intact
    assert (await trail.health()).state == "up"


@pytest.mark.anyio
async def test_a_copy_that_is_down_at_the_start_holds_nobody_up(aegis_own_server, trails, tmp_path):
    running = aegis_own_server("postgres")
    running.kill()
    url = f"postgresql://aegis:hunter2@127.0.0.1:{running.endpoint.port}/postgres"
    trail = await trails(
        FileAudit(tmp_path / "primary"), PostgresAudit(Address.from_url(ServiceUrl.parse(url), "test"))
    )
    await fill(trail, 10)
    state = (await trail.catch_up())["offsite"]
    assert (state.size, state.failure.code) == (None, ErrorCode.UNAVAILABLE)
    assert "hunter2" not in f"{state} {state.failure!r} {await trail.health()}"


@pytest.mark.anyio
async def test_a_copy_whose_server_never_answers_delays_nothing_but_closing_and_that_within_bounds(trails, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address("127.0.0.1", "postgres", silent.getsockname()[1], "postgres", connect_timeout=2)
        trail = await trails(FileAudit(tmp_path / "primary"), PostgresAudit(address))
        await anyio.wait_all_tasks_blocked()  # the copy is being opened on a thread
        began = SYSTEM_CLOCK.monotonic()
        await fill(trail, 50)
        assert SYSTEM_CLOCK.monotonic() - began < 1
        await trail.aclose()
        assert SYSTEM_CLOCK.monotonic() - began < 6
        assert trail.copies()["offsite"].size is None


def test_blocking_code_has_a_copy_on_a_server(place, elsewhere):
    with (
        blocking.Keyring(MemoryVault(), MemoryState(), subjects=MemoryState()) as ring,
        blocking.AuditTrail(
            PostgresAudit(place.address), ring, origin=ORIGIN, copies={"offsite": PostgresAudit(elsewhere.address)}
        ) as trail,
    ):
        with place.connect() as connection:
            receipt = trail.record(Visited(1), within=connection)
        trail.prove(receipt)
        trail.record(Visited(2))
        assert trail.catch_up()["offsite"].size == 2
        assert trail.verify(copy="offsite").intact
    assert trail.copies()["offsite"].behind == 0
    with psycopg.connect(elsewhere.url) as connection:
        rows = connection.execute(f"SELECT idx FROM {elsewhere.address.schema}.entries ORDER BY idx").fetchall()
    assert rows == [(0,), (1,)]
