"""A host of its own: ``host.py PORT SCHEMA KEYS COUNT NUMBER SKEW``. Records events, half of them in transactions.

The wall clock is off by SKEW seconds. Each acknowledged id is one line on standard output, written after the receipt;
what is in a transaction counts after its commit.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, ClassVar

import anyio
import attrs
import psycopg

from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK, SystemClock
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_postgres import Address, PostgresAudit, PostgresState

ORIGIN = "clinic.example/audit"


@attrs.frozen
class Visited(AuditEvent):
    action: ClassVar[str] = "patient.visited"

    writer: int
    number: int
    name: Annotated[str, PHI.NAME] = "Somchai Jaidee"


class SkewedClock(SystemClock):
    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.wall_ns = lambda: SYSTEM_CLOCK.wall_ns() + seconds * 1_000_000_000


def services(address: Address, keys: Path, clock=SYSTEM_CLOCK):
    deps = AdapterDeps(clock=clock)
    subjects = PostgresState(attrs.evolve(address, erases=True), deps)
    ring = Keyring(FileVault(keys, passphrase="the same for all"), PostgresState(address, deps), subjects=subjects)
    return ring, AuditTrail(PostgresAudit(address, deps), ring, origin=ORIGIN, clock=clock)


async def work(address: Address, keys: Path, count: int, writer: int, skew: int) -> None:
    ring, trail = services(address, keys, SkewedClock(skew))
    async with ring, trail:

        async def produce(number: int) -> None:
            with acting(Principal(f"w{writer}", "test"), purpose=Purpose.TREATMENT, subject=f"HN-{number % 5}"):
                if number % 2:
                    receipt = await trail.record(Visited(writer, number))
                else:
                    with psycopg.connect(**address.parameters()) as connection:
                        receipt = await trail.record(Visited(writer, number), within=connection)
            os.write(1, f"{receipt.event_id}\n".encode())

        os.write(1, b"open\n")
        sys.stdin.readline()
        for start in range(0, count, 6):
            async with anyio.create_task_group() as group:
                for number in range(start, min(start + 6, count)):
                    group.start_soon(produce, number)
            if start % 18 == 0:
                await trail.checkpoint()


if __name__ == "__main__":
    port, schema, keys, count, writer, skew = sys.argv[1:]
    place = Address("127.0.0.1", "postgres", int(port), "postgres", schema=schema)
    anyio.run(work, place, Path(keys), int(count), int(writer), int(skew))
