"""Time passes when it is told to, in the same order every time, on every backend."""

import threading
import time

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.clock import Clock
from aegis_core.testing.clock import VirtualClock

BACKENDS = ["asyncio", "trio"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_it_is_a_clock(clock):
    def needs(_clock: Clock) -> None: ...

    needs(clock)
    assert clock.monotonic() == 0.0
    assert clock.wall_ns() == 1_767_225_600_000_000_000
    clock.shift_wall(-60)
    assert clock.wall_ns() == 1_767_225_540_000_000_000
    assert clock.monotonic() == 0.0


@pytest.mark.anyio
async def test_a_month_of_daily_work_takes_no_time(clock):
    woken = []

    async def daily():
        while True:
            await clock.sleep(86_400)
            woken.append(clock.monotonic() / 86_400)

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(daily)
        await clock.advance(days=30)
        tasks.cancel_scope.cancel()
    assert woken == [float(day) for day in range(1, 31)]
    assert time.monotonic() - began < 5
    assert clock.sleeping == 0


@pytest.mark.anyio
async def test_nothing_wakes_before_its_time(clock):
    done = anyio.Event()

    async def sleeper():
        await clock.sleep(1.0)
        done.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper)
        await clock.advance(0.999_999)
        assert not done.is_set()
        await clock.advance(0.000_001)
        assert done.is_set()


def script(plan, backend):
    """Run tasks that sleep by plan and note what woke when."""
    clock = VirtualClock()
    seen = []

    async def worker(name, naps):
        for nap in naps:
            await clock.sleep(nap)
            seen.append((name, round(clock.monotonic(), 6)))
            await anyio.lowlevel.checkpoint()

    async def main():
        async with anyio.create_task_group() as tasks:
            for name, naps in enumerate(plan):
                tasks.start_soon(worker, name, naps)
                await clock.advance()  # each falls asleep before the next: trio starts tasks in any order
            await clock.advance(1000)

    anyio.run(main, backend=backend)
    return seen


@given(st.lists(st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 10.0]), max_size=4), max_size=5))
def test_the_order_is_the_same_on_both_backends_and_in_every_run(plan):
    runs = [script(plan, backend) for backend in ("asyncio", "trio", "trio")]
    assert runs[0] == runs[1] == runs[2]
    wanted = sorted((sum(naps[: number + 1]), name) for name, naps in enumerate(plan) for number in range(len(naps)))
    assert sorted((at, name) for name, at in runs[0]) == wanted
    assert [at for _, at in runs[0]] == sorted(at for _, at in runs[0])


@pytest.mark.anyio
async def test_what_a_sleeper_starts_runs_before_the_next_is_woken(clock):
    seen = []

    async def chain(depth):
        await anyio.lowlevel.checkpoint()
        if depth:
            async with anyio.create_task_group() as inner:
                inner.start_soon(chain, depth - 1)
        else:
            seen.append(("chain", clock.monotonic()))

    async def first():
        await clock.sleep(1)
        await chain(20)

    async def second():
        await clock.sleep(1.5)
        seen.append(("second", clock.monotonic()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        tasks.start_soon(second)
        await clock.advance(2)
    assert seen == [("chain", 1.0), ("second", 1.5)]


@pytest.mark.anyio
async def test_work_in_threads_ends_before_time_goes_on(clock):
    seen = []

    async def worker():
        await clock.sleep(1)
        hold = threading.Event()
        threading.Timer(0.02, hold.set).start()
        await anyio.to_thread.run_sync(hold.wait)
        seen.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker)
        await clock.advance(100)
        assert seen == [1.0]


@pytest.mark.anyio
async def test_a_cancelled_sleeper_is_forgotten(clock):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 5)
        await clock.advance(1)
        assert clock.sleeping == 1
        tasks.cancel_scope.cancel()
    assert clock.sleeping == 0
    await clock.advance(10)


@pytest.mark.anyio
async def test_a_thread_sleeps_until_the_clock_advances(clock):
    seen = []

    def work():
        clock.sleep_sync(3)
        seen.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, work)
        while not clock.sleeping:
            await anyio.sleep(0.001)
        await clock.advance(2)
        assert seen == []
        await clock.advance(2)
    assert seen == [3.0]


def test_sync_code_on_the_clocks_own_thread_moves_it(clock):
    clock.sleep_sync(2.5)
    clock.move(0.5)
    assert clock.monotonic() == 3.0
    for backwards in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="forwards"):
            clock.move(backwards)


@pytest.mark.anyio
async def test_sleeping_for_nothing_is_a_checkpoint(clock):
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep(0)
        pytest.fail("a checkpoint sees the cancellation")
