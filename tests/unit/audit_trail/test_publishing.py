import anyio
import pytest

from aegis_core.audit.checkpoint import open_checkpoint
from aegis_core.audit.note import KeyType, VerifierKey
from aegis_core.audit.port import Entry
from aegis_core.audit.tree import verify_consistency
from aegis_core.audit.verifier import verify_folder
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import Receipt
from aegis_core.local.memory.audit import MemoryAudit

from .conftest import ORIGIN, ReportFiled, Started, doctor, until

pytestmark = pytest.mark.anyio


async def keys_of(trail):
    return [VerifierKey.decode(text) for text in await trail.verifier_keys()]


async def fill(trail, count: int) -> list[Receipt]:
    return [await each for each in [trail.submit(Started(number)) for number in range(count)]]


async def test_the_published_folder_is_verified_by_software_that_only_reads_files(clinic):
    trail = await clinic.trail()
    for count in (1, 2, 252, 1, 300, 700):
        await fill(trail, count)
        with doctor():
            await trail.record(ReportFiled("r"))
        checkpoint = await trail.checkpoint()
        verdict = verify_folder(clinic.root / "log", await keys_of(trail), strict=True)
        assert verdict.intact, verdict.findings
        assert (verdict.size, verdict.root) == (checkpoint.size, checkpoint.root)
    assert checkpoint.size == 1262
    # Partial tiles go once the full one is there.
    assert not list((clinic.root / "log/tile/entries/000.p").glob("*"))
    assert not list((clinic.root / "log/tile/0/003.p").glob("*"))


async def test_a_checkpoint_is_signed_with_both_kinds_of_keys(clinic):
    trail = await clinic.trail()
    checkpoint = await trail.checkpoint()
    assert checkpoint.size == 0
    verified = open_checkpoint(checkpoint.note, await keys_of(trail))
    assert {key.type for key in verified.log_keys} == {KeyType.ED25519, KeyType.COSIGNATURE_ML_DSA_44}
    assert verified.checkpoint.origin == ORIGIN


async def test_a_checkpoint_is_due_a_second_after_the_first_event(clinic):
    trail = await clinic.trail()
    await trail.record(Started())
    await anyio.wait_all_tasks_blocked()
    assert (await trail.health()).facts["checkpoint"] == -1
    clinic.clock.advance(0.9)
    await anyio.wait_all_tasks_blocked()
    assert (await trail.health()).facts["checkpoint"] == -1
    with anyio.fail_after(20):
        while (await trail.health()).facts["checkpoint"] != 1:
            clinic.clock.advance(0.2)
            await anyio.sleep(0.001)


async def test_a_checkpoint_is_due_after_a_thousand_events(clinic):
    trail = await clinic.trail()
    await fill(trail, 990)
    await anyio.wait_all_tasks_blocked()
    assert (await trail.health()).facts["checkpoint"] == -1
    await fill(trail, 10)
    with anyio.fail_after(20):
        while (await trail.health()).facts["checkpoint"] != 1000:
            await anyio.sleep(0.001)


async def test_the_last_checkpoint_is_published_at_close(clinic):
    trail = await clinic.trail()
    await fill(trail, 3)
    keys = await keys_of(trail)
    await trail.aclose()
    assert verify_folder(clinic.root / "log", keys).size == 3


async def test_a_trail_goes_on_where_it_was_left(clinic):
    keys = []
    for count in (1, 300, 255, 513):
        trail = await clinic.trail()
        await fill(trail, count)
        keys = await keys_of(trail)
        await trail.aclose()
    verdict = verify_folder(clinic.root / "log", keys, strict=True)
    assert verdict.intact, verdict.findings
    assert verdict.size == 1069


async def test_events_that_were_never_published_are_taken_up(clinic):
    sink = MemoryAudit()
    trail = await clinic.trail(sink)
    await fill(trail, 5)
    await trail.aclose()
    entries = [Entry(receipt_id, b'{"x":1}') for receipt_id in (each.event_id for each in (Started(), Started()))]
    await sink.append(entries, expected_size=5)  # as a process does that is killed before it could publish
    trail = await clinic.trail(sink)
    assert (await trail.checkpoint()).size == 7


async def test_a_proof_convinces_whoever_has_the_keys(clinic):
    trail = await clinic.trail()
    receipts = await fill(trail, 600)
    stored = await trail._sink.read(0, 1000)
    keys = await keys_of(trail)
    for index in (0, 255, 256, 599):
        proof = await trail.prove(receipts[index] if index else receipts[index].event_id)
        assert proof.verify(stored[index].body, keys=keys).checkpoint.size >= 600
        with pytest.raises(AegisError):
            proof.verify(stored[index].body + b" ", keys=keys)
    with pytest.raises(AegisError) as caught:
        await trail.prove(Started().event_id)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_a_receipts_leaf_is_that_of_the_entry(clinic):
    trail = await clinic.trail()
    (receipt,) = await fill(trail, 1)
    checkpoint = await trail.checkpoint()
    assert checkpoint.root == receipt.leaf


async def test_consistency_is_proved_between_any_two_sizes(clinic):
    trail = await clinic.trail()
    roots = {0: (await trail.checkpoint()).root}
    for count in (1, 6, 250, 300):
        await fill(trail, count)
        checkpoint = await trail.checkpoint()
        roots[checkpoint.size] = checkpoint.root
    for old, old_root in roots.items():
        for new, new_root in roots.items():
            if old <= new:
                proof = await trail.consistency(old, new)
                assert verify_consistency(old, old_root, new, new_root, proof)
    with pytest.raises(AegisError) as caught:
        await trail.consistency(3, 100_000)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_keys_may_be_rotated_and_the_old_ones_still_verify(clinic):
    trail = await clinic.trail()
    await fill(trail, 3)
    before = await trail.checkpoint()
    for purpose in (KeyPurpose.SIGN_ED25519, KeyPurpose.SIGN_ML_DSA_44):
        await clinic.ring.rotate(purpose)
    await trail.aclose()
    trail = await clinic.trail()  # the stored checkpoint is still one of ours
    await fill(trail, 1)
    after = await trail.checkpoint()
    keys = await keys_of(trail)
    assert len(keys) == 4
    assert set(open_checkpoint(before.note, keys).log_keys).isdisjoint(open_checkpoint(after.note, keys).log_keys)


async def test_a_log_never_takes_up_a_checkpoint_that_it_did_not_sign(clinic):
    trail = await clinic.trail()
    await fill(trail, 3)
    await trail.aclose()
    document = await clinic.state.get("log/checkpoint")
    lines = document.body.decode().split("\n")
    lines[1] = "2"
    await clinic.state.put("log/checkpoint", "\n".join(lines).encode(), expected=document.revision)
    with pytest.raises(AegisError) as caught:
        await clinic.trail()
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_a_log_keeps_its_name(clinic):
    trail = await clinic.trail()
    await trail.aclose()
    from aegis_core.audit.trail import AuditTrail

    with pytest.raises(AegisError) as caught:
        await AuditTrail(clinic.sink(), clinic.ring, origin="other.example").open()
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_a_primary_that_lost_its_tail_is_not_written_to(clinic):
    sink = MemoryAudit()
    trail = await clinic.trail(sink)
    await fill(trail, 5)
    await trail.aclose()
    lost = sink._entries.pop()
    del sink._index[lost.id]
    with pytest.raises(AegisError, match="holds 4 entries, but 5 were signed") as caught:
        await clinic.trail(sink)
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_of_two_hosts_with_other_entries_only_one_signs(clinic):
    """Two primaries, one published log: whoever comes second finds another root and stops."""
    one, other = await clinic.trail(MemoryAudit()), await clinic.trail(MemoryAudit())
    await fill(one, 4)
    await fill(other, 4)
    await one.checkpoint()
    with pytest.raises(AegisError) as caught:
        await other.checkpoint()
    assert caught.value.code is ErrorCode.INTEGRITY
    assert (await other.health()).state == "down"
    await fill(other, 4)
    with pytest.raises(AegisError):
        await other.checkpoint()
    verdict = verify_folder(clinic.root / "log", await keys_of(one))
    assert (verdict.intact, verdict.size) == (True, 4)
    with pytest.raises(AegisError):
        await other.aclose()


async def test_whoever_signs_second_takes_up_what_the_first_one_signed(clinic):
    trails = [await clinic.trail() for _ in range(3)]
    seen = set()

    async def work(trail) -> None:
        for _ in range(6):
            await fill(trail, 30)
            checkpoint = await trail.checkpoint()
            seen.add((checkpoint.size, checkpoint.root))

    async with anyio.create_task_group() as group:
        for trail in trails:
            group.start_soon(work, trail)
    assert len(seen) == len({size for size, _ in seen})
    assert (await trails[0].checkpoint()).size == 540
    assert verify_folder(clinic.root / "log", await keys_of(trails[1]), strict=True).intact


async def test_a_failing_state_store_stops_no_receipt_and_is_told(clinic, monkeypatch):
    trail = await clinic.trail()
    await trail.checkpoint()
    put = type(clinic.state).put

    async def full(self, name, body, /, *, expected):
        raise OSError(28, "no space")

    monkeypatch.setattr(type(clinic.state), "put", full)
    assert (await fill(trail, 3))[2].index == 2
    with anyio.fail_after(20):
        while (await trail.health()).state == "up":
            clinic.clock.advance(1)
            await anyio.sleep(0.001)
    with pytest.raises(AegisError) as caught:
        await trail.checkpoint()
    assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
    monkeypatch.setattr(type(clinic.state), "put", put)
    with anyio.fail_after(20):
        while (await trail.health()).facts["checkpoint"] != 3:
            clinic.clock.advance(1)
            await anyio.sleep(0.001)
    assert (await trail.health()).state == "up"


async def test_a_publication_that_was_cut_off_is_completed_by_the_next(clinic, monkeypatch):
    trail = await clinic.trail()
    put = type(clinic.state).put
    allowed = 0

    async def failing(self, name, body, /, *, expected):
        nonlocal allowed
        allowed -= 1
        if allowed < 0:
            raise OSError(5, "cut off")
        return await put(self, name, body, expected=expected)

    await fill(trail, 530)
    monkeypatch.setattr(type(clinic.state), "put", failing)
    for count in range(12):
        allowed = count
        try:
            await trail.checkpoint()
        except AegisError:
            await fill(trail, 1)
        else:
            break
    monkeypatch.setattr(type(clinic.state), "put", put)
    checkpoint = await trail.checkpoint()
    verdict = verify_folder(clinic.root / "log", await keys_of(trail), strict=True)
    assert verdict.intact, verdict.findings
    assert verdict.size == checkpoint.size > 530
    assert await until_idle(trail)


async def until_idle(trail) -> bool:
    await until(lambda: trail._sequencer.waiting == 0)
    return True
