"""The PostgreSQL primary against a plain insert of the same rows, and what a record costs in this process."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import psycopg

from aegis_core.audit.port import Entry
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.entropy import SYSTEM_ENTROPY
from aegis_core.kernel.ids import uuid7
from aegis_core.testing.servers.catalogue import CATALOGUE
from aegis_core.testing.servers.server import Running
from aegis_postgres.address import Address
from aegis_postgres.audit import PostgresAudit
from benchmarks.rows import Row, best_of, on_asyncio

AREA = "adapters"
BATCH = 1000
SIZE = 500


def rows(quick: bool) -> Iterator[Row]:
    with Running(CATALOGUE["postgres"]) as running:
        yield from on_asyncio(Bench(running, rounds=6 if quick else 25).primary)


class Bench:
    def __init__(self, running: Running, *, rounds: int) -> None:
        self.url = running.endpoint.url
        self.address = Address("127.0.0.1", "postgres", running.endpoint.port, "postgres")
        self.rounds = rounds

    async def primary(self) -> Sequence[Row]:
        """One batch in turns with each peer; the median of wall times, since each waits for the disk."""
        sink = PostgresAudit(self.address)
        await sink.open()
        connection = psycopg.connect(self.url, autocommit=True)
        for table in ("plain", "many", "copied"):
            connection.execute(f"CREATE TABLE {table} (idx bigint PRIMARY KEY, id uuid UNIQUE, body bytea NOT NULL)")
        peers: dict[str, Callable[[psycopg.Connection[Any], int, Sequence[Entry]], None]] = {
            "plain multi-row insert": plain,
            "executemany": executemany,
            "COPY": copy,
        }
        wall: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
        cpu: list[float] = []
        for turn in range(self.rounds + 2):
            at = turn * BATCH
            spent: dict[str, float] = {}
            entries = made(BATCH)
            began, used = time.perf_counter(), time.process_time()
            await sink.append(entries, expected_size=at)
            spent["ours"], process = time.perf_counter() - began, time.process_time() - used
            for name, peer in peers.items():
                began = time.perf_counter()
                peer(connection, at, entries)
                spent[name] = time.perf_counter() - began
            if turn >= 2:  # the first plan and open
                cpu.append(process)
                for name, seconds in spent.items():
                    wall[name].append(seconds)
        connection.close()
        await sink.aclose()
        payload = bytes(300)
        unit = best_of(lambda: sha256(payload).digest(), number=20_000)
        middle = {name: sorted(seconds)[len(seconds) // 2] / BATCH for name, seconds in wall.items()}
        limit = middle.pop("plain multi-row insert")
        return [
            Row(
                AREA,
                "PostgreSQL: CPU of our process a record, batches of 1,000, in sha256(300 B)",
                min(cpu) / BATCH,
                unit,
                target=60.0,
            ),
            Row(
                AREA,
                "PostgreSQL: a record durable, batches of 1,000, against a plain multi-row insert",
                middle.pop("ours"),
                limit,
                target=1.3,
                peers=middle,
                note="median wall time; same rows, same keys",
            ),
        ]


def made(count: int) -> list[Entry]:
    numbers = itertools.count()
    entries = []
    for _ in range(count):
        event_id = uuid7(clock=SYSTEM_CLOCK, entropy=SYSTEM_ENTROPY)
        entries.append(Entry(event_id, f'{{"id":"{event_id}","number":{next(numbers)}}}'.encode().ljust(SIZE)))
    return entries


def plain(connection: psycopg.Connection[Any], at: int, entries: Sequence[Entry]) -> None:
    values = ", ".join(["(%s, %s, %s)"] * len(entries))
    row: list[Any] = []
    for place, entry in enumerate(entries, at):
        row += (place, entry.id, entry.body)
    connection.execute(f"INSERT INTO plain (idx, id, body) VALUES {values}", row)  # type: ignore[arg-type]


def executemany(connection: psycopg.Connection[Any], at: int, entries: Sequence[Entry]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO many (idx, id, body) VALUES (%s, %s, %s)",
            [(place, entry.id, entry.body) for place, entry in enumerate(entries, at)],
        )


def copy(connection: psycopg.Connection[Any], at: int, entries: Sequence[Entry]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY copied (idx, id, body) FROM STDIN (FORMAT BINARY)") as stream:
        stream.set_types(["int8", "uuid", "bytea"])
        for place, entry in enumerate(entries, at):
            stream.write_row((place, entry.id, entry.body))
