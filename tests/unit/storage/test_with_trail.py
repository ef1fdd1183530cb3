"""The whole chain: a real trail beside the store."""

import pytest

from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.context import Principal, acting
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.purpose import Purpose
from aegis_core.storage.service import Storage


@pytest.mark.anyio
async def test_what_was_done_is_in_the_trail_and_no_key_stands_there_plain(adapter):
    sink = MemoryAudit()
    async with (
        Keyring(MemoryVault(), MemoryState()) as ring,
        AuditTrail(sink, ring, origin="test.example/log") as trail,
        Storage(adapter, ring, recorder=trail) as storage,
    ):
        with acting(Principal("nurse-7", "test"), purpose=Purpose.TREATMENT):
            await storage.upload("Somchai-Jaidee.pdf", b"a report")
            assert await storage.download("Somchai-Jaidee.pdf") == b"a report"
        bodies = [entry.body for entry in await sink.read(0, await sink.size())]
        assert [b'"storage.written"' in bodies[0], b'"storage.read"' in bodies[1], len(bodies)] == [True, True, 2]
        assert all(b"nurse-7" in body and b"TREAT" in body for body in bodies)
        assert not any(b"Somchai" in body for body in bodies)
        found = [event async for event in trail.entries()]
        assert len(found) == 2
        assert (await trail.verify()).intact
