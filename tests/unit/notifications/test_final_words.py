"""What a channel says decides the status; what it cannot say yet is tried again."""

import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.testing.outbox import Outbox

pytestmark = pytest.mark.anyio


class Raising(Outbox):
    def __init__(self, error, **options):
        super().__init__(**options)
        self.error = error

    async def send(self, message, *, key):
        raise self.error


@pytest.mark.parametrize(("answer", "status"), [("refuse", "refused"), ("lose", "uncertain"), ("accept", "accepted")])
async def test_the_channels_word_is_the_status(place, result_ready, answer, status):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        place.outbox.will(answer)
        delivery = await hub.send_immediate(result_ready(), key="result-17")
        assert delivery.status == status
        assert await hub.send_immediate(result_ready(), key="result-17") == delivery
    assert place.outbox.attempts == 1, "a final word is final"


async def test_while_the_channel_is_unavailable_it_is_tried_again_with_growing_pauses(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        place.outbox.will(*["unavailable"] * 8)
        assert (await hub.send_immediate(result_ready(), key="result-17")).status == "accepted"
    assert place.clock.slept == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(place.outbox.delivered) == 1


async def test_a_fault_of_the_message_is_a_refusal(place, result_ready):
    outbox = Raising(AegisError(ErrorCode.INVALID_ARGUMENT, "the address is no e-mail address"))
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        delivery = await hub.send_immediate(result_ready(), key="result-17")
    assert (delivery.status, delivery.reason) == ("refused", "invalid_argument")


async def test_an_error_without_a_name_is_uncertain(place, result_ready):
    outbox = Raising(RuntimeError("somchai@patients.example"))
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        delivery = await hub.send_immediate(result_ready(), key="result-17")
    assert delivery.status == "uncertain"
    assert "somchai" not in repr(delivery)


async def test_it_is_on_record_before_it_is_handed_over_and_after(place, result_ready):
    place.records.look = lambda: place.outbox.attempts
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        delivery = await hub.send_immediate(result_ready(), key="result-17")
    sending, sent = place.records.events
    assert (sending.action, sent.action) == ("message.sending", "message.sent")
    assert place.records.seen_by == [0, 1]
    assert sending.delivery == sent.delivery == delivery.id
    assert (sent.status, sent.outcome) == ("accepted", "success")


async def test_nothing_is_handed_over_that_could_not_be_recorded(place, result_ready):
    place.records.failures = 3
    seen = []
    sleep = place.clock.sleep

    async def look(seconds, /):
        seen.append(place.outbox.attempts)
        await sleep(seconds)

    place.clock.sleep = look
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        assert (await hub.send_immediate(result_ready(), key="result-17")).status == "accepted"
    assert seen == [0, 0, 0]
    assert len(place.outbox.delivered) == 1


async def test_what_was_accepted_is_not_sent_again_because_the_record_failed(place, result_ready):
    outbox = Outbox(idempotent=False)

    def look():
        if len(place.records.events) == 1:
            place.records.failures = 2

    place.records.look = look
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        assert (await hub.send_immediate(result_ready(), key="result-17")).status == "accepted"
    assert outbox.attempts == 1
    assert [event.action for event in place.records.events] == ["message.sending", "message.sent"]


async def test_a_store_that_fails_is_named(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:

        async def full(*args, **options):
            raise OSError(28, "No space left on device")

        place.state.put = full
        with pytest.raises(AegisError) as caught:
            await hub.send(result_ready(), key="result-17")
    assert caught.value.adapter == "memory"
    assert place.outbox.attempts == 0
