"""The journal wrote, and its answer was lost: the message goes out once, at once, and its record is kept once."""

import anyio
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.state import MemoryState
from aegis_core.testing.outbox import Outbox

pytestmark = pytest.mark.anyio

#: What a message's way through a channel that is not idempotent writes: queued, claimed, done.
WRITES = ("queued", "claimed", "done")


class Losing(MemoryState):
    """Does what it is asked, and of chosen writes to deliveries the answer is lost on the way back."""

    def __init__(self):
        super().__init__()
        self.lost = set()
        self.writes = 0

    async def put(self, name, body, /, *, expected):
        revision = await super().put(name, body, expected=expected)
        if name.startswith(("deliveries/queued/", "deliveries/done/")):
            self.writes += 1
            if self.writes in self.lost:
                raise AegisError(ErrorCode.UNAVAILABLE, "the connection broke off")
        return revision


async def insisting(hub, message, key):
    """What an application does: the same key again, until there is a word."""
    while True:
        try:
            return await hub.send_immediate(message, key=key)
        except AegisError as error:
            assert error.retryable, error


@pytest.mark.parametrize("lost", [1, 2, 3], ids=WRITES)
async def test_it_is_mailed_once_and_soon_whichever_answer_of_the_journal_is_lost(place, result_ready, lost):
    place.state = Losing()
    outbox = Outbox(idempotent=False)
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        place.state.lost = {lost}
        with anyio.fail_after(5):
            delivery = await insisting(hub, result_ready(), "result-17")
        assert place.state.writes >= lost
        assert await hub.deliveries(status="queued") == []
    assert delivery.status == "accepted"
    assert len(outbox.delivered) == outbox.attempts == 1
    assert sum(place.clock.slept) < 5, "nobody waits for a process that is this one"


async def test_what_became_of_it_is_recorded_once_though_the_journal_answers_late(place, result_ready):
    place.state = Losing()
    async with place.keyring() as keyring, place.hub(keyring, Outbox(idempotent=False)) as hub:
        place.state.lost = {2, 3, 4}
        await insisting(hub, result_ready(), "result-17")
    assert [event.action for event in place.records.events] == ["message.sending", "message.sent"]


class Dying(Outbox):
    """The first time it can't, the second time the process is gone when the message is handed over."""

    class Gone(BaseException):
        pass

    async def send(self, message, *, key):
        if self.attempts == 1:
            self.will("accept")
            await super().send(message, key=key)
            raise self.Gone
        return await super().send(message, key=key)


async def test_a_claim_that_was_given_up_is_made_again_before_the_next_try(place, result_ready):
    """Given up, with the answer lost: the journal says that nobody has it in hand."""
    place.state = Losing()
    outbox = Dying(idempotent=False)
    with pytest.raises(BaseExceptionGroup) as caught:
        async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
            outbox.will("unavailable")
            place.state.lost = {3}  # queued, claimed, given up
            await hub.send_immediate(result_ready(), key="result-17")
    assert caught.value.split(Dying.Gone)[1] is None
    assert len(outbox.delivered) == 1
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        delivery = await hub.send_immediate(result_ready(), key="result-17")
    assert delivery.status == "uncertain"
    assert len(outbox.delivered) == 1, "nobody is mailed twice"
