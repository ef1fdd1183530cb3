"""Events within the application's own transaction: they count once it commits."""

import anyio
import pytest

from aegis_core.audit.port import AuditCapabilities, Entry
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.audit import MemoryAudit

from .conftest import ReportFiled, Started, doctor

pytestmark = pytest.mark.anyio


class JoiningAudit(MemoryAudit):
    """Takes part in transactions, which here are lists: what is put into one counts once it is committed."""

    capabilities = AuditCapabilities(joins_transactions=True)

    def __init__(self) -> None:
        super().__init__()
        self.committed: list[Entry] = []

    async def join(self, entries, transaction, /):
        if not isinstance(transaction, list):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "within takes a list")
        transaction.extend(entries)

    def join_sync(self, entries, transaction, /):
        transaction.extend(entries)

    async def joined(self, limit, /):
        return [entry for entry in self.committed if await self.find(entry.id) is None][:limit]


async def test_an_event_within_a_transaction_counts_once_that_commits(clinic):
    sink = JoiningAudit()
    trail = await clinic.trail(sink)
    transaction, given_up = [], []
    with doctor():
        receipt = await trail.record(ReportFiled("r1"), within=transaction)
        rolled_back = await trail.record(ReportFiled("r2"), within=given_up)
        with pytest.raises(AegisError, match="within takes a list"):
            await trail.record(ReportFiled("r3"), within=object())
    assert receipt.index is None
    for early in (receipt, rolled_back):
        with pytest.raises(AegisError) as caught:
            await trail.prove(early)
        assert caught.value.code is ErrorCode.NOT_FOUND
    sink.committed += transaction
    proof = await trail.prove(receipt)
    assert proof.checkpoint.root == receipt.leaf
    with pytest.raises(AegisError):
        await trail.prove(rolled_back)


async def test_committed_events_get_their_index_within_a_second(clinic):
    sink = JoiningAudit()
    trail = await clinic.trail(sink)
    await trail.record(Started(), within=sink.committed)
    with anyio.fail_after(20):
        while not await sink.size():
            clinic.clock.advance(0.5)
            await anyio.sleep(0.001)


async def test_a_transaction_that_commits_before_closing_is_not_left_to_the_next_process(clinic):
    sink = JoiningAudit()
    trail = await clinic.trail(sink)
    receipt = await trail.record(Started(), within=sink.committed)
    await trail.aclose()
    assert await sink.find(receipt.event_id) == 0


async def test_a_checkpoint_covers_what_transactions_have_committed(clinic):
    sink = JoiningAudit()
    trail = await clinic.trail(sink)
    await trail.record(Started(), within=sink.committed)
    assert (await trail.checkpoint()).size == 1


async def test_a_primary_that_cannot_be_asked_for_transactions_is_not_taken_for_a_rollback(clinic):
    class Deaf(JoiningAudit):
        async def joined(self, limit, /):
            raise AegisError(ErrorCode.UNAVAILABLE, "gone")

    sink = Deaf()
    trail = await clinic.trail(sink)
    receipt = await trail.record(Started(), within=sink.committed)
    with pytest.raises(AegisError) as caught:
        await trail.prove(receipt)
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert (await trail.record(Started(1))).index == 0


async def test_a_closed_trail_joins_no_transaction(clinic):
    sink = JoiningAudit()
    trail = await clinic.trail(sink)
    await trail.aclose()
    with pytest.raises(AegisError, match="not open"):
        await trail.record(Started(), within=sink.committed)
    assert sink.committed == []
