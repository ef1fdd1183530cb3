"""A result that comes later reaches every waiter once; the small seams keep their word."""

import copy
import itertools
import pickle
import threading
from uuid import UUID

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.entropy import SeededEntropy, SystemEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, UnsupportedCapability
from aegis_core.kernel.ids import uuid7
from aegis_core.kernel.metrics import NO_METRICS
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.recorder import AuditEvent, Unrecorded
from aegis_core.testing.clock import VirtualClock


@pytest.mark.anyio
async def test_every_waiter_gets_the_result_whatever_thread_gives_it():
    for _ in range(20):
        pending = Pending[int]()
        got = []

        async def waiter(pending=pending, got=got):
            got.append(await pending)

        async def thread_waiter(pending=pending, got=got):
            got.append(await anyio.to_thread.run_sync(lambda: pending.wait(deadline=10)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiter)
            tasks.start_soon(waiter)
            tasks.start_soon(thread_waiter)
            threading.Thread(target=pending.resolve, args=(7,)).start()
            tasks.start_soon(waiter)
        assert got == [7] * 4


@pytest.mark.anyio
async def test_a_result_that_races_the_first_wait_is_not_lost():
    for _ in range(300):
        pending = Pending[int]()
        thread = threading.Thread(target=pending.resolve, args=(1,))
        thread.start()
        with anyio.fail_after(10):
            assert await pending == 1
        thread.join()


@pytest.mark.anyio
async def test_a_result_given_between_the_check_and_the_wait_wakes_the_waiter():
    class Sudden(Pending[int]):
        def on_done(self, callback):
            self.resolve(3)
            super().on_done(callback)

    with anyio.fail_after(5):
        assert await Sudden() == 3


@pytest.mark.anyio
async def test_cancelling_one_waiter_changes_nothing_for_others():
    pending = Pending[str]()
    got = []

    async def waiter():
        got.append(await pending)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiter)
        with anyio.move_on_after(0.01) as scope:
            await pending
        assert scope.cancelled_caught
        assert not pending.done
        pending.resolve("there")
    assert got == ["there"]
    assert await pending == "there"


@pytest.mark.anyio
async def test_an_error_is_raised_in_every_waiter_and_only_the_first_result_counts():
    pending = Pending[int]()
    pending.fail(AegisError(ErrorCode.CONFLICT, "x"))
    pending.resolve(1)
    for _ in range(2):
        with pytest.raises(AegisError):
            await pending
    settled = Pending.done_with(5)
    settled.fail(ValueError())
    assert await settled == 5
    assert settled.wait() == 5


@pytest.mark.anyio
async def test_waiting_on_a_loops_own_thread_is_refused():
    with pytest.raises(AegisError) as caught:
        Pending[int]().wait()
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_waiting_ends_at_its_deadline_and_the_work_goes_on():
    pending = Pending[int]()
    with pytest.raises(AegisError) as caught:
        pending.wait(deadline=0.01)
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    pending.resolve(1)
    assert pending.wait(deadline=0) == 1


def test_a_waiter_whose_loop_has_ended_does_not_disturb_the_others():
    import asyncio

    pending = Pending[int]()
    loop = asyncio.new_event_loop()

    async def wait():
        await pending

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    called = []
    pending.on_done(lambda: called.append(1))
    task._log_destroy_pending = False
    loop.close()
    pending.resolve(1)
    assert called == [1]
    task.get_coro().close()


# ------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "error",
    [
        AegisError(ErrorCode.UNAVAILABLE, "try later", operation="storage.stat", adapter="s3", retry_after=2.5),
        UnsupportedCapability("match", adapter="s3"),
        ForkedError("the trail"),
        SettingsError([Problem("A", "is wrong"), Problem("B", "is missing", "environment", "say b")]),
    ],
)
def test_errors_cross_process_borders(error):
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_a_caller_matches_on_the_code_and_unavailable_is_retryable():
    match AegisError(ErrorCode.NOT_FOUND, "x"):
        case AegisError(ErrorCode.NOT_FOUND):
            pass
        case _:
            pytest.fail("no match")
    assert AegisError(ErrorCode.UNAVAILABLE, "x").retryable
    assert not AegisError(ErrorCode.UNAVAILABLE, "x", retryable=False).retryable
    assert [code for code in ErrorCode if AegisError(code, "x").retryable] == [ErrorCode.UNAVAILABLE]
    assert len(ErrorCode) == 13


def test_an_error_says_what_to_do_and_where():
    error = AegisError(ErrorCode.CONFLICT, "read again", operation="state.put", adapter="file")
    assert str(error) == "conflict: read again [state.put (file)]"
    assert "B: is missing (say b) [from the environment]" in str(
        SettingsError([Problem("A", "is wrong"), Problem("B", "is missing", "environment", "say b")])
    )


# -------------------------------------------------------------------------------------------------- ids, chance


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=20))
def test_ids_sort_by_time_and_are_version_7(times):
    clock = VirtualClock(start_ns=0)
    made = []
    for wall in times:
        clock._start = wall
        made.append((wall // 1000, uuid7(clock=clock)))
    for wall, value in made:
        assert isinstance(value, UUID)
        assert (value.version, value.variant) == (7, "specified in RFC 4122")
        assert value.int >> 80 == wall // 1000
    for (early, first), (late, second) in itertools.pairwise(made):
        if early < late:
            assert first < second


def test_ids_are_unique_within_one_tick():
    clock = VirtualClock()
    assert len({uuid7(clock=clock) for _ in range(1000)}) == 1000


def test_seeded_chance_repeats_itself_and_says_that_it_is_not_secure():
    one, two = SeededEntropy(1), SeededEntropy(1)
    assert [one.octets(5), one.fraction()] == [two.octets(5), two.fraction()]
    assert not one.secure
    assert SystemEntropy().secure
    assert len(SystemEntropy().octets(16)) == 16
    assert 0 <= SystemEntropy().fraction() < 1


@pytest.mark.anyio
async def test_without_a_trail_events_are_counted():
    recorder = Unrecorded()
    event = AuditEvent()
    receipt = await recorder.submit(event)
    assert (receipt.event_id, receipt.index, recorder.count) == (event.event_id, None, 1)
    for instrument in (NO_METRICS.counter, NO_METRICS.gauge, NO_METRICS.histogram):
        instrument("x", code="a")(1.0)
