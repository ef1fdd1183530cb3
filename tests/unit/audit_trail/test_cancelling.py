"""Cancelled at every place where it waits, the trail is what it was or what it was to become."""

import pytest

from aegis_core.audit.note import VerifierKey
from aegis_core.audit.verifier import verify_folder
from aegis_core.testing.interrupt import every_wait

from .conftest import ReportFiled, Started, doctor

pytestmark = pytest.mark.anyio


async def test_a_record_cancelled_anywhere_is_recorded_once_or_not_at_all(clinic):
    trail = await clinic.trail()
    for step in every_wait():
        event = ReportFiled("r1")
        with doctor(f"HN-{step.wait}"):
            await step.run(lambda event=event: trail.record(event))
            receipt = await trail.record(Started())
        stored = [entry.id for entry in await trail._sink.read(0, 1000)]
        assert stored.count(event.event_id) <= 1
        assert stored[receipt.index] == receipt.event_id
        if step.done:
            assert event.event_id in stored
    await trail.checkpoint()
    assert (await trail.verify()).intact


async def test_a_checkpoint_cancelled_anywhere_leaves_a_whole_log(clinic):
    trail = await clinic.trail()
    keys = [VerifierKey.decode(text) for text in await trail.verifier_keys()]
    await trail.checkpoint()
    for step in every_wait():
        for each in [trail.submit(Started(number)) for number in range(130)]:
            await each
        await step.run(trail.checkpoint)
        verdict = verify_folder(clinic.root / "log", keys, strict=True)
        assert verdict.intact, verdict.findings
    checkpoint = await trail.checkpoint()
    verdict = verify_folder(clinic.root / "log", keys, strict=True)
    assert (verdict.intact, verdict.size) == (True, checkpoint.size)
    assert (await trail.verify()).intact


async def test_opening_cancelled_anywhere_leaves_nothing_open(clinic):
    from aegis_core.audit.trail import AuditTrail

    first = await clinic.trail()
    await first.record(Started())
    await first.aclose()
    for step in every_wait():
        trail = AuditTrail(clinic.sink(), clinic.ring, origin=first.origin, clock=clinic.clock)

        async def open_and_close(trail=trail) -> None:
            async with trail:
                pass

        await step.run(open_and_close)
        assert (await trail.health()).state == "down"
        assert (await trail._sink.health()).state == "down"
