"""What waits when a process ends is delivered by the next, or is uncertain where that could mean a second message."""

from functools import partial

import anyio
import anyio.lowlevel
import pytest

from aegis_core.kernel.context import Context, Principal, current, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_core.testing.outbox import Outbox

pytestmark = pytest.mark.anyio


class Killed(BaseException):
    """The process ends here: nothing that follows in it happens."""


class KilledOutbox(Outbox):
    """Ends the process before or after the message went out."""

    def __init__(self, when, **options):
        super().__init__(**options)
        self.when = when

    async def send(self, message, *, key):
        if self.when == "before":
            raise Killed
        sent = await super().send(message, key=key)
        if self.when == "after":
            raise Killed
        return sent


async def killed(place, outbox, message):
    """Send one message from a process that ends on the way."""
    with pytest.raises(BaseExceptionGroup):
        async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
            await hub.send(message, key="result-17")
            await anyio.sleep_forever()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_idempotent_channel_gets_it_again_and_delivers_once(place, result_ready, when):
    outbox = KilledOutbox(when)
    await killed(place, outbox, result_ready())
    outbox.when = "never"
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        delivery = await hub.send_immediate(result_ready(), key="result-17")
        assert delivery.status == "accepted"
        assert await hub.deliveries(status="queued") == []
    assert len(outbox.delivered) == 1


async def test_opening_alone_delivers_what_waits(place, result_ready):
    outbox = KilledOutbox("before")
    await killed(place, outbox, result_ready())
    outbox.when = "never"
    async with place.keyring() as keyring, place.hub(keyring, outbox):
        pass
    assert len(outbox.delivered) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_on_another_channel_what_was_being_handed_over_is_uncertain(place, result_ready, when):
    outbox = KilledOutbox(when, idempotent=False)
    await killed(place, outbox, result_ready())
    outbox.when = "never"
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        (delivery,) = await hub.deliveries(status="uncertain")
        assert delivery.reason == "interrupted while it was handed over"
        assert await hub.send_immediate(result_ready(), key="result-17") == delivery
    assert len(outbox.delivered) == (when == "after")


async def test_what_was_never_handed_over_is_sent_on_any_channel(place, result_ready):
    outbox = Outbox(idempotent=False)
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        outbox.will("unavailable", "unavailable")
        await hub.send(result_ready(), key="result-17")
    assert outbox.delivered == []
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        assert (await hub.send_immediate(result_ready(), key="result-17")).status == "accepted"
    assert len(outbox.delivered) == 1


async def test_it_goes_where_it_was_to_go_in_the_words_of_then(place, result_ready):
    outbox = KilledOutbox("before")
    await killed(place, outbox, result_ready(name="Somchai"))
    outbox.when = "never"
    async with place.keyring() as keyring, place.hub(keyring, outbox, templates=[]):
        pass
    (mail,) = outbox.delivered
    assert mail.address == "somchai@patients.example"
    assert mail.text == "Dear Somchai,\na result is ready at North Clinic."


async def test_the_record_knows_who_sent_it_also_after_a_kill(place, result_ready):
    who = Principal("dr-lek", "oidc", frozenset({"physician"}), "north")
    context = Context(
        principal=who,
        purpose=Purpose.TREATMENT,
        subject=Classified("HN-17", PHI.MRN),
        tenant="north",
        request_id="r-1",
        metadata={"ward": "4B"},
    )
    outbox = KilledOutbox("before")
    with using(context):
        await killed(place, outbox, result_ready())
    outbox.when = "never"
    place.records.look = current
    before = len(place.records.events)
    async with place.keyring() as keyring, place.hub(keyring, outbox):
        pass
    assert [event.action for event in place.records.events[before:]] == ["message.sending", "message.sent"]
    assert set(map(repr, place.records.seen_by[before:])) == {repr(context)}
    assert place.records.seen_by[-1] == context


async def test_a_closed_hub_tells_who_waits(place, result_ready):
    place.outbox.will(*["unavailable"] * 1000)
    place.clock.sleep = lambda _seconds: anyio.sleep_forever()
    told = []

    async with place.keyring() as keyring, anyio.create_task_group() as group:
        hub = place.hub(keyring)

        async def wait():
            with pytest.raises(AegisError) as caught:
                await hub.send_immediate(result_ready(), key="result-17")
            told.append(caught.value)

        await hub.open()
        group.start_soon(wait)
        while place.outbox.attempts == 0:
            await anyio.lowlevel.checkpoint()
        await hub.aclose()
    assert told[0].code is ErrorCode.UNAVAILABLE
    assert "waits for the next one" in told[0].message


async def test_cancelling_who_waits_cancels_no_delivery(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        place.outbox.will("unavailable")
        with anyio.move_on_after(0):
            await hub.send_immediate(result_ready(), key="never-taken")
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(partial(hub.send_immediate, result_ready(), key="result-17"))
                while place.outbox.attempts == 0:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
    assert len(place.outbox.delivered) == 1


async def test_a_damaged_document_is_an_integrity_error(place, result_ready):
    outbox = KilledOutbox("before")
    await killed(place, outbox, result_ready())
    (name,) = await place.state.names("deliveries/queued/")
    document = await place.state.get(name)
    damaged = document.body.replace(b'"sealed":"A', b'"sealed":"B')
    assert damaged != document.body
    await place.state.put(name, damaged, expected=document.revision)
    async with place.keyring() as keyring:
        with pytest.raises(AegisError) as caught:
            await place.hub(keyring, outbox).open()
    assert caught.value.code is ErrorCode.INTEGRITY


async def test_a_sealed_message_opens_under_no_other_id(place, result_ready):
    outbox = KilledOutbox("before")
    await killed(place, outbox, result_ready())
    (name,) = await place.state.names("deliveries/queued/")
    document = await place.state.get(name)
    await place.state.delete(name)
    await place.state.put(f"deliveries/queued/{'0' * 32}", document.body, expected=None)
    async with place.keyring() as keyring:
        with pytest.raises(AegisError) as caught:
            await place.hub(keyring, outbox).open()
    assert caught.value.code is ErrorCode.INTEGRITY
