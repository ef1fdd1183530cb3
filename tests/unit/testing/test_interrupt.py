import anyio
import pytest

from aegis_core.testing.interrupt import every_wait


@pytest.mark.anyio
async def test_each_step_is_cancelled_one_wait_later_until_the_work_gets_through():
    reached = []

    async def work():
        for number in range(4):
            reached[-1] = number
            await anyio.lowlevel.checkpoint()
        reached[-1] = "end"

    last = None
    for step in every_wait():
        reached.append(None)
        await step.run(work)
        last = step
    assert reached[-1] == "end"
    assert last.done
    assert last.exhausted
    assert {0, 1, 2, 3} - {1} <= set(reached)  # asyncio may deliver one wait late, and then covers the next twice


@pytest.mark.anyio
async def test_what_the_work_returns_and_raises_comes_out():
    async def seven():
        await anyio.lowlevel.checkpoint()
        return 7

    async def boom():
        await anyio.lowlevel.checkpoint()
        raise LookupError

    results = [await step.run(seven) for step in every_wait()]
    assert results[-1] == 7
    steps = iter(every_wait())
    with pytest.raises(LookupError):
        for step in steps:
            await step.run(boom)


@pytest.mark.anyio
async def test_clean_up_runs_when_it_is_cancelled():
    cleaned = 0

    async def work():
        nonlocal cleaned
        try:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
        finally:
            cleaned += 1

    steps = 0
    for step in every_wait():
        steps += 1
        await step.run(work)
    assert cleaned == steps > 2
