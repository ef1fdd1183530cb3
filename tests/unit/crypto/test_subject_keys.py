"""Each subject has a key of their own, and shredding it is final."""

import json
from base64 import b64decode, b64encode

import anyio
import anyio.lowlevel
import pytest

from aegis_core.crypto.fields import open_field, seal_field
from aegis_core.crypto.keyring import CACHE_LIFETIME, Keyring
from aegis_core.crypto.model import KeyPurpose, SubjectShredded
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import Receipt
from aegis_core.kernel.state import StateCapabilities
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI

pytestmark = pytest.mark.anyio


async def refused(awaitable):
    """The code of the error that an awaitable ends with."""
    with pytest.raises(AegisError) as caught:
        await awaitable
    return caught.value.code


async def test_a_subject_has_one_key_in_every_process_and_another_one_in_another_tenant(place, patient):
    async with place.keyring() as one, place.keyring() as two:
        keys = []

        async def ask(ring, tenant):
            keys.append(await ring.subject_key(patient, tenant=tenant))

        async with anyio.create_task_group() as group:
            for ring in (one, two):
                for tenant in ("", "clinic-a"):
                    for _ in range(3):
                        group.start_soon(ask, ring, tenant)
        assert len(set(keys)) == 2
        for key in keys:
            assert key.purpose is KeyPurpose.SUBJECT
            assert await two.key(key.id) == key
            assert one.cached(key.id) == key
        other = await one.subject_key(Classified("HN-0000001", PHI.MRN))
        assert other.id not in {key.id for key in keys}


async def test_a_subjects_id_stands_nowhere(place, patient):
    async with place.keyring() as ring:
        key = await ring.subject_key(patient)
        stored = place.state.everything()
        assert b"7734211" not in stored
        assert b64encode(b"HN-7734211")[:12] not in stored
        assert "7734211" not in repr((key, vars(ring)))
        assert b"subjects/_/" in stored


async def test_after_shredding_the_old_key_is_gone_from_this_process_at_once(place, patient):
    async with place.keyring() as ring:
        old = await ring.subject_key(patient)
        sealed = seal_field(old, b"pregnant", context=b"x", nonce=bytes(12))
        await ring.shred(patient, reason="erasure request 12")
        assert ring.cached(old.id) is None
        assert await refused(ring.key(old.id)) is ErrorCode.NOT_FOUND
        new = await ring.subject_key(patient)
        assert new.id != old.id
        assert new.secret != old.secret
        assert await refused(ring.key(old.id)) is ErrorCode.NOT_FOUND
        with pytest.raises(AegisError):
            open_field(new, sealed, context=b"x")


async def test_a_key_at_hand_is_the_one_that_asking_gives_and_no_longer_than_that(place, clock, patient):
    async with place.keyring() as ring:
        assert ring.subject_key_at_hand(patient) is None
        key = await ring.subject_key(patient)
        assert ring.subject_key_at_hand(patient) == key
        assert ring.subject_key_at_hand(patient, tenant="north") is None
        await ring.shred(patient, reason="erasure request 12")
        assert ring.subject_key_at_hand(patient) is None
        new = await ring.subject_key(patient)
        assert ring.subject_key_at_hand(patient) == new != key
        clock.now += CACHE_LIFETIME
        assert ring.subject_key_at_hand(patient) is None
        assert await ring.subject_key(patient) == new
    assert await refused(_at_hand(ring, patient)) is ErrorCode.UNAVAILABLE


async def _at_hand(ring, patient):
    return ring.subject_key_at_hand(patient)


async def test_after_shredding_the_old_key_is_gone_from_other_processes_within_a_minute(place, clock, patient):
    async with place.keyring() as one, place.keyring() as two:
        old = await two.subject_key(patient)
        await one.shred(patient, reason="erasure request 12")
        clock.now += CACHE_LIFETIME
        assert two.cached(old.id) is None
        assert await refused(two.key(old.id)) is ErrorCode.NOT_FOUND
        assert (await two.subject_key(patient)).id != old.id


async def test_nothing_of_a_shredded_key_is_left_in_the_store(place, patient):
    async with place.keyring() as ring:
        old = await ring.subject_key(patient)
        await ring.shred(patient, reason="erasure request 12")
        assert old.id.encode() not in place.state.everything()
        assert b"subjects/" not in place.state.everything()


async def test_shredding_leaves_other_subjects_and_tenants_alone(place, patient):
    async with place.keyring() as ring:
        other = await ring.subject_key(Classified("HN-0000001", PHI.MRN))
        elsewhere = await ring.subject_key(patient, tenant="clinic-a")
        await ring.subject_key(patient)
        await ring.shred(patient, reason="erasure request 12")
        assert await ring.key(other.id) == other
        assert await ring.key(elsewhere.id) == elsewhere


async def test_shredding_a_subject_without_a_key_is_no_error(place, patient):
    async with place.keyring() as ring:
        await ring.shred(patient, reason="erasure request 12")
        await ring.shred(patient, tenant="clinic-a", reason="erasure request 12")


async def test_shredding_needs_a_reason(place, patient):
    async with place.keyring() as ring:
        key = await ring.subject_key(patient)
        assert await refused(ring.shred(patient, reason=" ")) is ErrorCode.INVALID_ARGUMENT
        assert await ring.key(key.id) == key


async def test_a_key_that_is_being_read_while_it_is_shredded_is_not_kept(place, patient):
    async with place.keyring() as ring:
        old = await ring.subject_key(patient)
    # Every order in which reading and shredding may interleave, one checkpoint apart.
    for wait in range(12):
        async with place.keyring() as ring:
            old = await ring.subject_key(patient)
        async with place.keyring() as ring:

            async def read(ring=ring, old=old):
                try:
                    await ring.key(old.id)
                except AegisError as error:
                    assert error.code is ErrorCode.NOT_FOUND

            async with anyio.create_task_group() as group:
                group.start_soon(read)
                for _ in range(wait):
                    await anyio.lowlevel.checkpoint()
                await ring.shred(patient, reason="erasure request 12")
                assert ring.cached(old.id) is None
                assert await refused(ring.key(old.id)) is ErrorCode.NOT_FOUND
                assert (await ring.subject_key(patient)).id != old.id
            assert ring.cached(old.id) is None


class Record:
    """A recorder that looks at the store in the moment of recording."""

    def __init__(self, state, *, fails=False):
        self.state = state
        self.fails = fails
        self.events = []
        self.seen = []

    def submit(self, event, /):
        self.events.append(event)
        self.seen.append(self.state.everything())
        pending = Pending()
        if self.fails:
            pending.fail(AegisError(ErrorCode.UNAVAILABLE, "the trail is down"))
        else:
            pending.resolve(Receipt(event.event_id))
        return pending


async def test_a_shredding_is_recorded_before_it_happens(place, patient):
    record = Record(place.state)
    async with place.keyring() as ring:
        ring.report_to(record)
        key = await ring.subject_key(patient)
        await ring.shred(patient, reason="erasure request 12")
    (event,) = record.events
    assert isinstance(event, SubjectShredded)
    assert (event.reason, event.keys, event.action) == ("erasure request 12", (key.id,), "keys.subject_shredded")
    assert b"subjects/_/" in record.seen[0]


async def test_what_cannot_be_recorded_is_not_shredded(place, patient):
    async with place.keyring() as ring:
        ring.report_to(Record(place.state, fails=True))
        key = await ring.subject_key(patient)
        assert await refused(ring.shred(patient, reason="erasure request 12")) is ErrorCode.UNAVAILABLE
        assert await ring.key(key.id) == key


async def test_after_the_index_key_rotated_a_subject_keeps_the_key_and_shredding_finds_it(place, clock, patient):
    async with place.keyring() as ring, place.keyring() as other:
        key = await ring.subject_key(patient)
        await ring.rotate(KeyPurpose.INDEX)
        assert await ring.subject_key(patient) == key
        assert await other.subject_key(patient) == key
        await other.shred(patient, reason="erasure request 12")
        clock.now += CACHE_LIFETIME
        assert await refused(ring.key(key.id)) is ErrorCode.NOT_FOUND
        assert b"subjects/" not in place.state.everything()


async def test_after_the_tenants_key_rotated_subject_keys_still_open(place, patient):
    async with place.keyring() as ring:
        key = await ring.subject_key(patient)
        await ring.rotate(KeyPurpose.WRAP)
    async with place.keyring() as ring:
        assert await ring.subject_key(patient) == key


class NeverErases(MemoryState):
    name = "never-erases"
    capabilities = StateCapabilities()


async def test_a_store_of_subjects_that_does_not_erase_is_refused_at_open():
    with pytest.raises(UnsupportedCapability, match="erases") as caught:
        await Keyring(MemoryVault(), MemoryState(), subjects=NeverErases()).open()
    assert caught.value.adapter == "never-erases"


async def test_without_a_store_that_erases_there_are_no_subject_keys(patient):
    async with Keyring(MemoryVault(), NeverErases()) as ring:
        await ring.active(KeyPurpose.WRAP)
        assert await refused(ring.subject_key(patient)) is ErrorCode.UNSUPPORTED
        assert await refused(ring.shred(patient, reason="erasure request 12")) is ErrorCode.UNSUPPORTED
        assert await refused(ring.key("s:" + "0" * 32 + "." + "0" * 16)) is ErrorCode.UNSUPPORTED
    async with Keyring(MemoryVault(), NeverErases(), subjects=MemoryState()) as ring:
        assert (await ring.subject_key(patient)).purpose is KeyPurpose.SUBJECT


async def changed(place, change):
    (name,) = list(await place.state.names("subjects/"))
    document = await place.state.get(name)
    body = json.loads(document.body)
    change(body)
    await place.state.put(name, json.dumps(body).encode(), expected=document.revision)


def flip(body):
    blob = bytearray(b64decode(body["wrapped"]))
    blob[20] ^= 1
    body["wrapped"] = b64encode(blob).decode()


@pytest.mark.parametrize(
    "change",
    [
        flip,
        lambda body: body.update(wrapped=""),
        lambda body: body.update(wrapped="*"),
        lambda body: body.update(version=2),
        lambda body: body.update(id="s:" + "0" * 32 + "." + "0" * 16),
        lambda body: body.update(id=body["id"][:-1] + ("0" if body["id"][-1] != "0" else "1")),
        lambda body: body.update(wrap_key="k1"),  # the index key
        lambda body: body.update(wrap_key="clinic-a/k1"),
        lambda body: body.pop("created"),
    ],
)
async def test_a_changed_subject_document_is_refused_as_integrity(place, patient, change):
    async with place.keyring() as ring:
        await ring.subject_key(patient)
    await changed(place, change)
    async with place.keyring() as ring:
        assert await refused(ring.subject_key(patient)) is ErrorCode.INTEGRITY
        await ring.shred(patient, reason="erasure request 12")  # and can be shredded all the same
        assert (await ring.subject_key(patient)).purpose is KeyPurpose.SUBJECT
