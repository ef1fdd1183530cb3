"""What the counting breaker promises beyond its port."""

import gc
import sys
import threading
import time
import tracemalloc

import anyio
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience import Breaker, BreakerState, CountingBreaker, Outcome
from aegis_core.testing.kits.breaker import SteppedClock


class UnreadableClock(SteppedClock):
    def monotonic(self):
        raise AssertionError("the clock was read")


class UntakableLock:
    def __enter__(self):
        raise AssertionError("the lock was taken")

    def __exit__(self, *error):
        raise AssertionError("unreachable")


@pytest.fixture
def clock():
    return SteppedClock()


async def fetch(value):
    return value


async def broken():
    raise ConnectionError("down")


@pytest.mark.anyio
async def test_a_success_while_closed_reads_no_clock_and_takes_no_lock():
    breaker = CountingBreaker("lab", clock=UnreadableClock())
    breaker._lock = UntakableLock()
    assert await breaker.execute(fetch, 7) == 7
    assert breaker.execute_sync(int, "7") == 7
    breaker.settle(breaker.acquire(), Outcome.SUCCESS)


def test_a_success_while_closed_allocates_nothing_that_stays():
    breaker = CountingBreaker("lab")
    for _ in range(100):
        breaker.settle(breaker.acquire(), Outcome.SUCCESS)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(10_000):
        breaker.settle(breaker.acquire(), Outcome.SUCCESS)
    assert sys.getallocatedblocks() - before < 50


def test_memory_does_not_grow_on_rejection(clock):
    breaker = CountingBreaker("lab", Breaker(failures=1), clock=clock)
    breaker.settle(breaker.acquire(), Outcome.FAILURE)

    def reject(times):
        depths = set()
        for _ in range(times):
            try:
                breaker.acquire()
            except AegisError as error:
                depth, at = 0, error.__traceback__
                while at is not None:
                    depth, at = depth + 1, at.tb_next
                depths.add(depth)
        return depths

    reject(100)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        depths = reject(5_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(depths) == 1, "every rejection's traceback is as deep as the first's"
    assert grown < 4_096
    assert breaker.get_metrics().rejected == 5_100


def test_failures_do_not_grow_it_beyond_the_policy(clock):
    breaker = CountingBreaker("lab", Breaker(failures=3, window=1.0), clock=clock)
    for _ in range(1_000):
        clock.now += 2.0
        breaker.settle(breaker.acquire(), Outcome.FAILURE)
    assert len(breaker._failed_at) == 3
    assert breaker.get_state() is BreakerState.CLOSED


def test_sixteen_threads_sleep_at_the_same_time():
    breaker = CountingBreaker("lab")
    meet = threading.Barrier(16)

    def call():
        meet.wait(10)
        return time.thread_time()

    threads = [threading.Thread(target=breaker.execute_sync, args=(call,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not meet.broken


def test_every_failure_of_many_threads_is_counted(clock):
    breaker = CountingBreaker("lab", Breaker(failures=100_000), clock=clock)

    def fail():
        for _ in range(500):
            with pytest.raises(ConnectionError):
                breaker.execute_sync(raise_connection_error)

    def raise_connection_error():
        raise ConnectionError

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.get_metrics().failures == 4_000


@pytest.mark.anyio
async def test_only_errors_that_count_open_it(clock):
    def is_the_labs_fault(error):
        return not (isinstance(error, AegisError) and error.code is ErrorCode.INVALID_ARGUMENT)

    breaker = CountingBreaker("lab", Breaker(failures=1), counts=is_the_labs_fault, clock=clock)

    async def refuse():
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "this is no order")

    for _ in range(10):
        with pytest.raises(AegisError):
            await breaker.execute(refuse)
    assert breaker.get_state() is BreakerState.CLOSED
    assert breaker.get_metrics().ignored == 10
    with pytest.raises(ConnectionError):
        await breaker.execute(broken)
    assert breaker.get_state() is BreakerState.OPEN


@pytest.mark.anyio
async def test_a_predicate_that_raises_loses_neither_the_error_nor_the_permit(clock):
    def confused(error):
        raise ZeroDivisionError

    breaker = CountingBreaker("lab", Breaker(failures=1), counts=confused, clock=clock)
    with pytest.raises(ConnectionError) as caught:
        await breaker.execute(broken)
    assert caught.value.__context__ is None
    assert breaker.get_state() is BreakerState.OPEN


def test_a_coroutine_function_is_refused_by_execute_sync(clock):
    breaker = CountingBreaker("lab", Breaker(failures=1), clock=clock)
    with pytest.raises(AegisError, match="await execute instead") as caught:
        breaker.execute_sync(broken)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert breaker.get_state() is BreakerState.CLOSED


def test_closing_a_generator_early_is_no_failure(clock):
    breaker = CountingBreaker("lab", Breaker(failures=1), clock=clock)

    def rows():
        yield breaker.execute_sync(lambda: 1)
        try:
            yield 2
        except GeneratorExit as leaving:
            error = leaving
            breaker.execute_sync(lambda: (_ for _ in ()).throw(error))

    generator = rows()
    next(generator)
    next(generator)
    generator.close()
    assert breaker.get_state() is BreakerState.CLOSED


@pytest.mark.anyio
async def test_late_results_show_in_the_metrics_alone(clock):
    breaker = CountingBreaker("lab", Breaker(failures=1, reset=30.0), clock=clock)
    go = anyio.Event()

    async def slow():
        await go.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(breaker.execute, slow)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ConnectionError):
            await breaker.execute(broken)
        go.set()
    metrics = breaker.get_metrics()
    assert (metrics.late, metrics.failures, metrics.opened) == (1, 1, 1)
    assert metrics.state is BreakerState.OPEN
    clock.now += 30.0
    assert breaker.get_metrics().state is BreakerState.HALF_OPEN


def test_an_open_breakers_error_says_when_to_come_back(clock):
    breaker = CountingBreaker("lab", Breaker(failures=1, reset=30.0), clock=clock)
    breaker.settle(breaker.acquire(), Outcome.FAILURE)
    clock.now += 12.5
    with pytest.raises(AegisError) as caught:
        breaker.acquire()
    assert caught.value.retry_after == pytest.approx(17.5)
    assert str(caught.value) == "unavailable: the breaker 'lab' lets no call out: try again in 17.5 s [breaker.acquire]"


def test_the_reason_of_isolation_stands_in_the_metrics(clock):
    breaker = CountingBreaker("lab", clock=clock)
    breaker.isolate("maintenance")
    assert breaker.get_metrics().isolated == "maintenance"
    breaker.isolate(None)
    assert breaker.get_metrics().isolated is None


@pytest.mark.parametrize(
    "options",
    [
        {"failures": 0},
        {"window": 0.0},
        {"window": float("nan")},
        {"reset": -1.0},
        {"reset": float("inf")},
        {"probes": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options):
    (name,) = options
    with pytest.raises(AegisError, match=name) as caught:
        Breaker(**options)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
