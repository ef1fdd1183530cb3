"""What the guide on erasure says about the write-ahead log, looked at."""

from pathlib import Path

import anyio
import attrs
import psycopg
import pytest

from aegis_postgres import Address, PostgresState
from aegis_postgres.schema import ERASABLE

pytestmark = pytest.mark.anyio
MARK = b"<a-key-that-was-shredded>" * 8


def holds(folder: Path) -> bool:
    found = False
    for file in folder.iterdir():
        if file.is_file():
            try:
                found = found or MARK in file.read_bytes()
            except FileNotFoundError:
                continue
    return found


async def test_the_log_keeps_an_erased_body_until_its_segment_is_removed(aegis_own_server):
    running = aegis_own_server("postgres")
    log = Path(running.folder, "cluster", "pg_wal")
    with psycopg.connect(running.endpoint.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_recycle = off")
        connection.execute("SELECT pg_reload_conf()")
        with anyio.fail_after(20):
            while connection.execute("SHOW wal_recycle").fetchone()[0] != "off":
                await anyio.sleep(0)
        store = PostgresState(Address("127.0.0.1", "postgres", running.endpoint.port, "postgres", erases=True))
        await store.open()
        await store.put("subjects/a", MARK, expected=None)
        await store.delete("subjects/a")
        assert holds(log)
        # As in the guide: end the segment, so that the next checkpoint removes it.
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
        assert not holds(log)
        await store.aclose()


async def test_what_the_planner_knows_of_a_table_holds_nothing_of_what_was_in_it(place):
    """An analysis, which the server starts by itself, samples values into a catalogue that outlives them."""
    store = PostgresState(attrs.evolve(place.address, erases=True))
    await store.open()
    names = [f"subjects/{number:03d}" for number in range(200)]
    for name in names:
        await store.put(name, MARK + name.encode(), expected=None)
    with place.connect(autocommit=True) as connection:
        for number in range(ERASABLE):
            connection.execute(f"ANALYZE {place.address.schema}.erasable_{number:02d}")
    for name in names:
        await store.delete(name)
    await store.aclose()
    with place.connect(autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    base = Path(place.running.folder, "cluster", "base")
    assert not any(holds(folder) for folder in base.iterdir() if folder.is_dir())
