"""A process that records events and says which ones were acknowledged: ``writer.py HOME KIND COUNT NUMBER``.

Each acknowledged id is one line on standard output, written after the receipt.
"""

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, ClassVar

import anyio
import attrs

from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.sqlite.audit import SqliteAudit
from aegis_core.local.sqlite.state import SqliteState
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI

ORIGIN = "clinic.example/audit"


@attrs.frozen
class Visited(AuditEvent):
    action: ClassVar[str] = "patient.visited"

    writer: int
    number: int
    name: Annotated[str, PHI.NAME] = "Somchai Jaidee"


@asynccontextmanager
async def opened(home: Path, kind: str):
    sink = FileAudit(home / "audit") if kind == "file" else SqliteAudit(home / "audit.db")
    vault = FileVault(home / "keys", passphrase="the same for all")
    ring = Keyring(vault, FileState(home / "audit"), subjects=SqliteState(home / "subjects.db"))
    async with ring, AuditTrail(sink, ring, origin=ORIGIN) as trail:
        yield trail


async def write(home: Path, kind: str, count: int, writer: int) -> None:
    async with opened(home, kind) as trail:

        async def produce(number: int) -> None:
            with acting(Principal(f"w{writer}", "test"), purpose=Purpose.TREATMENT, subject=f"HN-{number % 5}"):
                receipt = await trail.record(Visited(writer, number))
            os.write(1, f"{receipt.event_id} {receipt.index}\n".encode())

        os.write(1, b"open\n")
        for start in range(0, count, 8):
            async with anyio.create_task_group() as group:
                for number in range(start, min(start + 8, count)):
                    group.start_soon(produce, number)


if __name__ == "__main__":
    anyio.run(write, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
