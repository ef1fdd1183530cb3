"""What goes wrong between us and the server has a code, a sentence and an end, and heals without a restart."""

import os
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import attrs
import psycopg
import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kits.audit import make_entries
from aegis_core.testing.servers.certificates import certificate
from aegis_core.testing.servers.relay import Relay
from aegis_postgres import Address, PostgresAudit, PostgresState
from aegis_postgres.audit import from_url

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(aegis_own_server):
    return aegis_own_server("postgres")


def address_of(running, **options) -> Address:
    return Address("127.0.0.1", "postgres", running.endpoint.port, "postgres", **options)


def within(seconds: float):
    return using(Context(expires_at=SYSTEM_CLOCK.monotonic() + seconds))


@contextmanager
def refused(code, words=""):
    with pytest.raises(AegisError) as caught:
        yield caught
    assert caught.value.code is code
    assert words in caught.value.message
    assert caught.value.__cause__ is None
    assert "hunter2" not in f"{caught.value!r} {caught.value}"


async def test_a_server_that_is_down_at_the_start_is_unavailable_and_then_is_not(own):
    sink = PostgresAudit(address_of(own))
    own.kill()
    with refused(ErrorCode.UNAVAILABLE, "cannot be reached"):
        await sink.open()
    assert (await sink.health()).state == "down"
    own.start()
    await sink.open()
    assert await sink.size() == 0
    await sink.aclose()


async def test_a_server_that_is_killed_loses_nothing_and_is_used_again_without_a_restart(own):
    sink, state = PostgresAudit(address_of(own)), PostgresState(address_of(own))
    await sink.open()
    await state.open()
    entries = make_entries(10)
    await sink.append(entries[:5], expected_size=0)
    revision = await state.put("keyring/a", b"1", expected=None)
    own.kill()
    for call in (sink.size(), sink.append(entries, expected_size=5), state.get("keyring/a")):
        with refused(ErrorCode.UNAVAILABLE):
            await call
    assert (await sink.health()).state == "down"
    own.start()
    assert list(await sink.append(entries, expected_size=5)) == list(range(10))
    assert list(await sink.read(0, 20)) == entries
    assert (await state.get("keyring/a")).revision == revision
    assert (await sink.health()).state == "up"
    await sink.aclose()
    await state.aclose()


async def test_a_server_that_stops_answering_is_waited_for_no_longer_than_the_call_may_take(own):
    sink = PostgresAudit(address_of(own))
    await sink.open()
    entries = make_entries(3)
    await sink.append(entries[:1], expected_size=0)
    own.pause()
    started = time.monotonic()
    with refused(ErrorCode.DEADLINE_EXCEEDED), within(0.5):
        await sink.append(entries, expected_size=1)
    with refused(ErrorCode.UNAVAILABLE, "does not answer in time"), within(0.5):
        await sink.size()  # on a new connection
    assert time.monotonic() - started < 8
    own.resume()
    # Whether the batch was stored is not known: sent again, it is there once.
    with anyio.fail_after(20):
        indexes = None
        while indexes is None:
            try:
                indexes = list(await sink.append(entries, expected_size=1))
            except AegisError as error:
                if error.code not in {ErrorCode.CONFLICT, ErrorCode.UNAVAILABLE}:
                    raise
    assert indexes == [0, 1, 2]
    assert list(await sink.read(0, 20)) == entries
    await sink.aclose()


async def test_what_came_too_late_is_cancelled_on_the_server(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    with place.connect() as blocker:
        blocker.execute(f"LOCK TABLE {place.address.schema}.entries IN ACCESS EXCLUSIVE MODE")
        with refused(ErrorCode.DEADLINE_EXCEEDED), within(0.3):
            await sink.append(make_entries(1), expected_size=0)
    assert await sink.size() == 0
    await sink.aclose()


async def test_no_time_left_asks_for_nothing(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    with refused(ErrorCode.DEADLINE_EXCEEDED), within(0.0):
        await sink.append(make_entries(1), expected_size=0)
    assert await sink.size() == 0
    await sink.aclose()


async def test_a_cancelled_append_stores_all_or_nothing(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    entries = make_entries(3)
    with anyio.move_on_after(0.05), place.connect() as blocker:
        blocker.execute(f"LOCK TABLE {place.address.schema}.entries IN ACCESS EXCLUSIVE MODE")
        threading.Timer(0.3, blocker.rollback).start()
        await sink.append(entries, expected_size=0)
        await anyio.lowlevel.checkpoint()
        pytest.fail("it was cancelled")
    size = await sink.size()
    assert size in {0, 3}
    assert list(await sink.append(entries, expected_size=size)) == [0, 1, 2]
    await sink.aclose()


async def test_a_full_disk_stores_nothing_and_says_so(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    schema = place.address.schema
    with place.connect(autocommit=True) as connection:
        connection.execute(
            f"CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute(f"CREATE TRIGGER z AFTER INSERT ON {schema}.entries EXECUTE FUNCTION {schema}.full()")
    with refused(ErrorCode.RESOURCE_EXHAUSTED):
        await sink.append(make_entries(2), expected_size=0)
    assert await sink.size() == 0
    await sink.aclose()


@pytest.mark.instead_of("postgres", "password")
async def test_refused_credentials_are_permission_denied_and_told_nowhere(own):
    with psycopg.connect(own.endpoint.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE clinic LOGIN PASSWORD 'right'")
        hba = connection.execute("SHOW hba_file").fetchone()[0]
        Path(hba).write_text("host all postgres 127.0.0.1/32 trust\nhost all clinic 127.0.0.1/32 scram-sha-256\n")
        connection.execute("SELECT pg_reload_conf()")
    address = attrs.evolve(address_of(own), user="clinic", password="hunter2")
    with anyio.fail_after(20):
        while True:  # the server reads its file when it comes to it
            try:
                psycopg.connect(own.endpoint.url, user="clinic", password="hunter2").close()
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    break
    for adapter in (PostgresAudit(address), PostgresState(address)):
        with refused(ErrorCode.PERMISSION_DENIED, "refuses the credentials"):
            await adapter.open()
        assert "hunter2" not in f"{adapter!r} {address!r} {await adapter.health()!r}"


async def test_a_missing_database_is_a_failed_precondition(place):
    sink = PostgresAudit(attrs.evolve(place.address, database="nowhere"))
    with refused(ErrorCode.PRECONDITION_FAILED, "no such database"):
        await sink.open()


def wants_tls(connection: socket.socket) -> bool:
    """Frontend/Backend Protocol, SSLRequest."""
    wants = connection.recv(8)[4:] == b"\x04\xd2\x16\x2f"
    connection.sendall(b"S" if wants else b"")
    return wants


def production(port, file, **options) -> PostgresAudit:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    url = ServiceUrl.parse(f"postgresql://postgres@localhost:{port}/postgres?sslrootcert={file}{more}")
    return from_url(url, AdapterDeps(environment="production"))


async def test_in_production_certificate_and_name_are_verified(place, tmp_path):
    good, other = certificate(tmp_path, "localhost"), certificate(tmp_path, "elsewhere.example")
    port = place.running.endpoint.port
    with Relay(port, tls=good.context, greet=wants_tls) as door:
        sink = production(door.port, good.authority, schema=place.address.schema)
        await sink.open()
        assert await sink.append(make_entries(1), expected_size=0)
        await sink.aclose()
        with refused(ErrorCode.PERMISSION_DENIED, "no known authority signed"):
            await production(door.port, other.authority).open()
    with Relay(port, tls=other.context, greet=wants_tls) as door, refused(ErrorCode.PERMISSION_DENIED, "another name"):
        await production(door.port, other.authority).open()
    with refused(ErrorCode.PERMISSION_DENIED, "offers no TLS"):
        await production(port, good.authority).open()


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_production_refuses_whatever_does_not_verify_the_name(mode):
    url = ServiceUrl.parse(f"postgresql://clinic:hunter2@db.example/clinic?sslmode={mode}")
    with pytest.raises(SettingsError, match="must use TLS in production") as caught:
        from_url(url, AdapterDeps(environment="production"))
    assert "hunter2" not in str(caught.value)


def test_every_problem_of_a_url_is_told_at_once():
    url = ServiceUrl.parse("postgresql:///?schema=Robert;--&timeout=soon&sslmode=maybe&speed=high&erases=perhaps")
    with pytest.raises(SettingsError) as caught:
        from_url(url, AdapterDeps())
    told = str(caught.value)
    for words in ("no host", "no database", "plain lower-case", "must be seconds", "sslmode", "does not know"):
        assert words in told
    assert len(caught.value.problems) == 7  # `erases` is an option of a state store only
    assert "Robert" not in told


async def test_production_refuses_a_server_that_does_not_flush(own, tmp_path):
    with psycopg.connect(own.endpoint.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    with anyio.fail_after(20):
        while True:
            with psycopg.connect(own.endpoint.url) as connection:
                if connection.execute("SHOW fsync").fetchone()[0] == "off":
                    break
    sink = PostgresAudit(address_of(own))
    await sink.open()
    health = await sink.health()
    assert health.state == "degraded"
    assert "fsync = off" in health.detail
    await sink.aclose()
    with refused(ErrorCode.PRECONDITION_FAILED, "fsync = off"):
        await PostgresAudit(address_of(own), AdapterDeps(environment="production")).open()


async def test_a_role_that_acknowledges_early_is_overruled(place):
    with place.connect(autocommit=True) as connection:
        connection.execute("CREATE ROLE hasty LOGIN SUPERUSER")
        connection.execute("ALTER ROLE hasty SET synchronous_commit = off")
    try:
        sink = PostgresAudit(attrs.evolve(place.address, user="hasty"))
        await sink.open()
        assert sink.native(psycopg.Connection).execute("SHOW synchronous_commit").fetchone()[0] == "on"
        await sink.aclose()
    finally:
        place.drop()
        with place.connect(autocommit=True) as connection:
            connection.execute("DROP ROLE hasty")


def test_a_forked_child_uses_nothing_of_its_parent_and_may_open_anew(place):
    async def parent() -> None:
        sink = PostgresAudit(place.address)
        await sink.open()
        await sink.append(make_entries(2), expected_size=0)
        child = os.fork()
        if child == 0:
            os._exit(_in_the_child(sink))
        _, status = await anyio.to_thread.run_sync(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert await sink.size() == 3
        assert list(await sink.append(make_entries(1), expected_size=3)) == [3]
        await sink.aclose()

    anyio.run(parent)


def _in_the_child(sink: PostgresAudit) -> int:
    """In a thread of its own, for the parent's loop runs on this one."""
    codes = []

    async def child() -> None:
        try:
            await sink.size()
        except ForkedError:
            await sink.open()
            await sink.append(make_entries(1), expected_size=await sink.size())
            await sink.aclose()
            codes.append(7)

    thread = threading.Thread(target=anyio.run, args=(child,))
    thread.start()
    thread.join(30)
    return codes[0] if codes else 1
