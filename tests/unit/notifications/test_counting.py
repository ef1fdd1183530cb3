"""Deliveries are counted by what became of them, without a key, and no further than was asked."""

import pytest

from aegis_core.notifications import Sent, count_deliveries

pytestmark = pytest.mark.anyio


class Lossy:
    """A channel whose replies are lost."""

    def __init__(self, outbox):
        self._outbox = outbox

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    async def send(self, message, /, *, key):
        return Sent("uncertain", reason="the reply was lost")


async def test_final_words_and_what_waits_are_counted(place, result_ready):
    async with place.keyring() as keyring:
        async with place.hub(keyring) as hub:
            await hub.send_immediate(result_ready(), key="one")
            await hub.send_immediate(result_ready(), key="two")
        async with place.hub(keyring, Lossy(place.outbox)) as hub:
            await hub.send_immediate(result_ready(), key="three")
        await place.state.put("deliveries/queued/" + "0" * 32, b"sealed", expected=None)
    await place.state.open()
    found = await count_deliveries(place.state)
    assert found.is_whole
    assert found.by_status == {"queued": 1, "accepted": 2, "refused": 0, "unreachable": 0, "uncertain": 1}
    cut = await count_deliveries(place.state, most=2)
    assert not cut.is_whole
    assert sum(cut.by_status.values()) == 2


async def test_a_store_without_deliveries_has_none_and_gets_none(place):
    await place.state.open()
    assert sum((await count_deliveries(place.state)).by_status.values()) == 0
    assert await place.state.names("") == []
