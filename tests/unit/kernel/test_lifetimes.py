"""A shield holds against a cancelled caller, and not against the deadline of who holds the lifetime."""

import time

import anyio
import anyio.lowlevel
import pytest

from aegis_core.kernel.lifetimes import Lifetimes, shielded

pytestmark = pytest.mark.anyio


async def test_a_cancelled_caller_does_not_cut_it_short():
    story = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        with shielded():
            await anyio.lowlevel.checkpoint()
            story.append("cleaned up")
        await anyio.lowlevel.checkpoint()
        story.append("not reached")
    assert story == ["cleaned up"]


class Stubborn:
    """Cleans up for ever, in two steps; what comes after the deadline may not wait for anything."""

    def __init__(self, story):
        self.story = story

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        with shielded():
            self.story.append("first")
            await anyio.sleep_forever()
        with shielded():
            self.story.append("second")
            await anyio.sleep_forever()
            self.story.append("not reached")


async def test_the_deadline_cuts_every_shield_short_also_those_that_come_later():
    story = []
    lifetimes = Lifetimes(time.monotonic)
    await lifetimes.enter()
    await lifetimes.hold("stubborn", Stubborn(story))
    with anyio.fail_after(5):
        await lifetimes.close(0.1)
    assert not await lifetimes.leave(None)
    assert story == ["first", "second"]
    assert lifetimes.late == ["stubborn"]


async def test_a_clock_that_stands_still_does_not_make_closing_last_for_ever():
    lifetimes = Lifetimes(lambda: 0.0)
    await lifetimes.enter()
    for number in range(3):
        await lifetimes.hold(str(number), Stubborn([]))
    with anyio.fail_after(5):
        assert 0 < await lifetimes.close(0.2) < 0.2
    await lifetimes.leave(None)
    assert lifetimes.late == ["2", "1", "0"]


async def test_a_child_task_of_what_is_held_is_known_to_the_deadline_too():
    class Works:
        async def __aenter__(self):
            self.group = anyio.create_task_group()
            await self.group.__aenter__()
            self.group.start_soon(self.work)

        async def work(self):
            with shielded():
                await anyio.sleep_forever()

        async def __aexit__(self, *exc):
            await self.group.__aexit__(None, None, None)

    lifetimes = Lifetimes(time.monotonic)
    await lifetimes.enter()
    await lifetimes.hold("works", Works())
    with anyio.fail_after(5):
        await lifetimes.close(0.1)
    await lifetimes.leave(None)
    assert lifetimes.late == ["works"]
