"""The kit of the port `CircuitBreaker`, and of the calls that a breaker runs.

Example:
    ::

        @asynccontextmanager
        async def mine() -> AsyncGenerator[BreakerHarness]:
            yield BreakerHarness(lambda policy, clock: MyBreaker(policy, clock=clock))

        print(run_kit(breaker_kit, mine, backend="trio"))
"""

import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, ParamSpec, Protocol, TypeVar

import anyio

from aegis_core.kernel.adapter import Capabilities
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience.model import Breaker
from aegis_core.resilience.port import BreakerState, CircuitBreaker, Outcome, Permit
from aegis_core.testing.kit import Kit, expect, expect_error

P = ParamSpec("P")
T = TypeVar("T")

CALLERS: Final = 10_000
THREADS: Final = 16
#: Seconds after which a thread that should have run in parallel counts as shut out.
PATIENCE: Final = 5.0


class RunningBreaker(CircuitBreaker, Protocol):
    """A breaker that runs the calls itself."""

    async def execute(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    def execute_sync(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


class SteppedClock:
    """Moves when told to. Its wall clock runs backwards: who decides by it decides wrongly."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return -int(self.now * 1e9)

    async def sleep(self, seconds: float, /) -> None:
        self.now += seconds

    def sleep_sync(self, seconds: float, /) -> None:
        self.now += seconds


class BreakerHarness:
    """Makes breakers on a clock that the case moves.

    Arguments:
        make: makes a closed breaker from its policy and a clock.
    """

    capabilities = Capabilities()

    def __init__(self, make: Callable[[Breaker, Clock], RunningBreaker], /) -> None:
        self.clock = SteppedClock()
        self._make = make

    def make(self, policy: Breaker, /) -> RunningBreaker:
        """A closed breaker."""
        return self._make(policy, self.clock)

    def opened(self, policy: Breaker, /) -> RunningBreaker:
        """A breaker that has just opened."""
        breaker = self.make(policy)
        fail(breaker, policy.failures)
        return breaker

    def half_open(self, policy: Breaker, /) -> RunningBreaker:
        """A breaker whose reset is just over."""
        breaker = self.opened(policy)
        self.clock.now += policy.reset
        return breaker


breaker_kit: Kit[BreakerHarness] = Kit("breaker/1")


class LabError(Exception):
    """What the protected calls of the kit raise."""


def fail(breaker: CircuitBreaker, times: int) -> None:
    """Let calls in and settle each as a failure."""
    for _ in range(times):
        breaker.settle(breaker.acquire(), Outcome.FAILURE)


def try_acquire(breaker: CircuitBreaker) -> Permit | float | None:
    """A permit, or the seconds to wait."""
    try:
        return breaker.acquire()
    except AegisError as error:
        expect(error.code is ErrorCode.UNAVAILABLE, "a refused call is told `unavailable`")
        return error.retry_after


def admitted(breaker: CircuitBreaker, callers: int) -> list[Permit]:
    """The permits that so many callers get, one after another."""
    permits: list[Permit] = []
    for _ in range(callers):
        try:
            permits.append(breaker.acquire())
        except AegisError as error:
            expect(error.code is ErrorCode.UNAVAILABLE, "a refused call is told `unavailable`")
    return permits


def raising(error: BaseException) -> Callable[[], None]:
    """A call that raises."""

    def call() -> None:
        raise error

    return call


def _frames(error: BaseException) -> int:
    count, at = 0, error.__traceback__
    while at is not None:
        count, at = count + 1, at.tb_next
    return count


@breaker_kit.case
async def case_opens_at_the_failure_that_fills_the_window(h: BreakerHarness) -> None:
    """So many failures within the window open it, not one fewer, whatever succeeds in between."""
    policy = Breaker(failures=5, window=60.0)
    breaker = h.make(policy)
    for _ in range(policy.failures - 1):
        fail(breaker, 1)
        breaker.settle(breaker.acquire(), Outcome.SUCCESS)
        h.clock.now += 15.0
    expect(breaker.get_state() is BreakerState.CLOSED, "four failures do not open it")
    fail(breaker, 1)
    expect(breaker.get_state() is BreakerState.OPEN, "the fifth failure within 60 s opens it")


@breaker_kit.case
async def case_forgets_failures_outside_the_window(h: BreakerHarness) -> None:
    """Failures that lie further apart than the window never open it."""
    breaker = h.make(Breaker(failures=3, window=10.0))
    for _ in range(20):
        fail(breaker, 1)
        h.clock.now += 5.5
    expect(breaker.get_state() is BreakerState.CLOSED, "three failures in 11 s do not open a window of 10 s")


@breaker_kit.case
async def case_waiting_as_told_gets_in(h: BreakerHarness) -> None:
    """A caller who waits for exactly `retry_after` gets in, whatever floating point makes of the sum."""
    for reset in (0.1, 0.3, 1 / 3, 29.9, 30.0, 1e-9):
        for start in (0.7, 1000.1, 123456.789, 1e9 + 0.1):
            h.clock.now = start
            breaker = h.opened(Breaker(failures=1, reset=reset))
            h.clock.now += reset / 3
            wait = try_acquire(breaker)
            if not isinstance(wait, float):  # the clock is too coarse at this height: the reset is over
                continue
            expect(0 < wait <= reset * 1.01 + 1e-6, "`retry_after` is the rest of the reset")
            h.clock.now += wait
            expect(breaker.get_state() is BreakerState.HALF_OPEN, "it is half-open once the reset is over")
            breaker.acquire()
            rest = try_acquire(breaker)
            expect(isinstance(rest, float), "who comes behind a probe is told when its lease ends")
            h.clock.now += rest or 0.0
            breaker.acquire()


@breaker_kit.case
async def case_stays_shut_until_the_reset(h: BreakerHarness) -> None:
    """Nobody gets in before the reset is over."""
    policy = Breaker(failures=1, reset=30.0)
    breaker = h.opened(policy)
    h.clock.now += 29.9
    expect(not admitted(breaker, 10), "nobody gets in before the reset is over")
    expect(breaker.get_state() is BreakerState.OPEN, "it says that it is open")


@breaker_kit.case
async def case_half_open_admits_exactly_the_permitted_probes(h: BreakerHarness) -> None:
    """Of 10,000 callers at the reset exactly `probes` get in, and no more while those run."""
    for probes in (1, 3):
        breaker = h.half_open(Breaker(failures=1, reset=30.0, probes=probes))
        inside, refused, most = 0, 0, 0
        full, go = anyio.Event(), anyio.Event()

        async def probe() -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await go.wait()  # noqa: B023 - the calls of this round end within it
            inside -= 1

        async def call() -> None:
            nonlocal refused
            try:
                await breaker.execute(probe)  # noqa: B023 - the calls of this round end within it
            except AegisError:
                refused += 1
                if refused == CALLERS - probes:  # noqa: B023 - the calls of this round end within it
                    full.set()  # noqa: B023 - the calls of this round end within it

        async with anyio.create_task_group() as group:
            for _ in range(CALLERS):
                group.start_soon(call)
            with anyio.move_on_after(PATIENCE):
                await full.wait()
            go.set()
        expect(refused == CALLERS - probes, f"all but {probes} of {CALLERS} callers are refused")
        expect(most == probes, f"exactly {probes} run at once")
        expect(breaker.get_state() is BreakerState.CLOSED, "it closes once every probe succeeded")


@breaker_kit.case
async def case_half_open_is_exact_for_threads(h: BreakerHarness) -> None:
    """Of many threads at the reset exactly `probes` get in."""
    for _ in range(20):
        breaker = h.half_open(Breaker(failures=1, reset=30.0, probes=2))
        start, permits = threading.Barrier(THREADS), list[Permit]()

        def arrive() -> None:
            start.wait(PATIENCE)  # noqa: B023 - the threads of this round end within it
            permits.extend(admitted(breaker, 1))  # noqa: B023 - the threads of this round end within it

        await _threads(arrive, THREADS)
        expect(len(permits) == 2, f"2 of {THREADS} threads get in, not {len(permits)}")


@breaker_kit.case
async def case_every_probe_must_succeed(h: BreakerHarness) -> None:
    """It closes after the last of its probes, and admits no further one while it waits for them."""
    breaker = h.half_open(Breaker(failures=1, probes=3))
    permits = admitted(breaker, 10)
    for permit in permits[:-1]:
        breaker.settle(permit, Outcome.SUCCESS)
        expect(not admitted(breaker, 10), "a probe that succeeded makes no room for another")
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "two successes of three do not close it")
    breaker.settle(permits[-1], Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.CLOSED, "the third closes it")
    expect(len(admitted(breaker, 100)) == 100, "closed, it lets everybody in")


@breaker_kit.case
async def case_a_failed_probe_opens_it_for_a_whole_reset(h: BreakerHarness) -> None:
    """One failure while half-open opens it again, and the other probes then change nothing."""
    policy = Breaker(failures=5, reset=30.0, probes=3)
    breaker = h.half_open(policy)
    first, second, third = admitted(breaker, 10)
    breaker.settle(second, Outcome.FAILURE)
    expect(breaker.get_state() is BreakerState.OPEN, "one failure opens it again")
    h.clock.now += 20.0
    breaker.settle(first, Outcome.FAILURE)
    breaker.settle(third, Outcome.SUCCESS)
    h.clock.now += 10.0
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "late probes neither prolong nor end that")
    expect(len(admitted(breaker, 10)) == policy.probes, "the next round has its full number of probes")


@breaker_kit.case
async def case_a_cancelled_call_is_neutral(h: BreakerHarness) -> None:
    """Cancelled calls between failures neither count nor reset the count."""
    breaker = h.make(Breaker(failures=2))
    for round_ in range(2):
        for _ in range(5):
            await _cancelled(breaker)
        expect(breaker.get_state() is BreakerState.CLOSED, "cancelled calls do not open it")
        fail(breaker, 1)
        expect(round_ or breaker.get_state() is BreakerState.CLOSED, "one failure of two does not open it")
    expect(breaker.get_state() is BreakerState.OPEN, "cancelled calls do not reset the count")


@breaker_kit.case
async def case_what_is_no_exception_is_neutral(h: BreakerHarness) -> None:
    """KeyboardInterrupt, SystemExit and GeneratorExit come out unchanged and count for nothing."""
    for error in (KeyboardInterrupt(), SystemExit(1), GeneratorExit()):
        breaker = h.make(Breaker(failures=1))
        try:
            breaker.execute_sync(raising(error))
        except BaseException as caught:  # noqa: BLE001 - the case asks what comes out
            expect(caught is error, "what the call raised comes out as the same object")
        expect(breaker.get_state() is BreakerState.CLOSED, f"{type(error).__name__} is no failure")


@breaker_kit.case
async def case_a_cancelled_probe_gives_its_permit_back(h: BreakerHarness) -> None:
    """After a cancelled probe it is half-open still, and the next caller gets in at once."""
    breaker = h.half_open(Breaker(failures=1))
    for _ in range(3):
        await _cancelled(breaker)
        expect(breaker.get_state() is BreakerState.HALF_OPEN, "a cancelled probe neither opens nor closes it")
    expect(len(admitted(breaker, 10)) == 1, "the permit of a cancelled probe is there again, once")


@breaker_kit.case
async def case_an_ignored_outcome_is_neutral(h: BreakerHarness) -> None:
    """IGNORED neither opens nor closes."""
    breaker = h.half_open(Breaker(failures=1))
    breaker.settle(breaker.acquire(), Outcome.IGNORED)
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "an ignored probe changes nothing")
    breaker.settle(breaker.acquire(), Outcome.SUCCESS)
    breaker.settle(breaker.acquire(), Outcome.IGNORED)
    expect(breaker.get_state() is BreakerState.CLOSED, "an ignored call changes nothing")


@breaker_kit.case
async def case_a_late_success_changes_nothing(h: BreakerHarness) -> None:
    """A success of a call that was let in before it opened neither closes it nor serves as a probe."""
    breaker = h.make(Breaker(failures=1, reset=30.0))
    early = breaker.acquire()
    fail(breaker, 1)
    breaker.settle(early, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.OPEN, "a late success does not close an open breaker")
    h.clock.now += 30.0
    probe = breaker.acquire()
    breaker.settle(early, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "a late success does not close a half-open breaker")
    expect(not admitted(breaker, 1), "a late success makes no room for a second probe")
    breaker.settle(probe, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.CLOSED, "the probe's own success closes it")


@breaker_kit.case
async def case_a_late_failure_changes_nothing(h: BreakerHarness) -> None:
    """A failure of a call of another generation neither opens it nor counts towards that."""
    breaker = h.make(Breaker(failures=2, reset=30.0))
    early = admitted(breaker, 5)
    fail(breaker, 2)
    h.clock.now += 20.0
    breaker.settle(early[0], Outcome.FAILURE)
    h.clock.now += 10.0
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "a late failure does not prolong the reset")
    probe = breaker.acquire()
    breaker.settle(early[1], Outcome.FAILURE)
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "a late failure does not end a probe's round")
    breaker.settle(probe, Outcome.SUCCESS)
    breaker.settle(early[2], Outcome.FAILURE)
    breaker.settle(early[3], Outcome.FAILURE)
    expect(breaker.get_state() is BreakerState.CLOSED, "late failures do not count in the next generation")


@breaker_kit.case
async def case_the_lease_of_a_lost_probe_ends(h: BreakerHarness) -> None:
    """A probe that never settles makes room after `reset`, and what it says after that counts for nothing."""
    policy = Breaker(failures=1, reset=30.0)
    breaker = h.half_open(policy)
    lost = breaker.acquire()
    h.clock.now += 29.9
    expect(not admitted(breaker, 5), "the lease lasts for `reset`")
    h.clock.now += 0.2
    (second,) = admitted(breaker, 5)
    breaker.settle(lost, Outcome.FAILURE)
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "the lost probe's failure comes too late")
    breaker.settle(lost, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.HALF_OPEN, "the lost probe's success comes too late")
    breaker.settle(second, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.CLOSED, "the second probe's success closes it")


@breaker_kit.case
async def case_no_lock_is_held_while_a_call_runs(h: BreakerHarness) -> None:
    """Threads and tasks run their calls at the same time."""
    breaker = h.make(Breaker(failures=1))
    meet = threading.Barrier(THREADS)
    await _threads(lambda: breaker.execute_sync(partial(meet.wait, PATIENCE)), THREADS)
    expect(not meet.broken, f"{THREADS} threads are inside their calls at once")

    inside, all_in = 0, anyio.Event()

    async def call() -> None:
        nonlocal inside
        inside += 1
        if inside == THREADS:
            all_in.set()
        await all_in.wait()

    with anyio.move_on_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for _ in range(THREADS):
                group.start_soon(breaker.execute, call)
    expect(inside == THREADS, f"{THREADS} tasks are inside their calls at once")


@breaker_kit.case
async def case_the_error_of_a_call_comes_out_as_the_same_object(h: BreakerHarness) -> None:
    """No error is replaced, copied or given a cause, and its traceback grows by the breaker's own frame alone."""
    for policy in (Breaker(failures=1000), Breaker(failures=1)):
        breaker = h.make(policy) if policy.failures > 1 else h.half_open(policy)
        error = LabError("down")

        async def call() -> None:
            raise error  # noqa: B023 - awaited within this round

        try:
            await breaker.execute(call)
        except LabError as caught:
            expect(caught is error, "the very object that the call raised comes out of execute")
        except Exception as caught:  # noqa: BLE001 - the case asks what comes out
            expect(False, f"the call's own error comes out of execute, not {type(caught).__name__}")
        else:
            expect(False, "the error of a call comes out of execute")
        expect(error.__cause__ is None and error.__context__ is None, "it is given no cause and no context")
        expect(_frames(error) <= 3, "the traceback holds this case, the breaker and the call")

    error = LabError("down")
    try:
        h.make(Breaker()).execute_sync(raising(error))
    except Exception as caught:  # noqa: BLE001 - the case asks what comes out
        expect(caught is error, "the very object that the call raised comes out of execute_sync")
    else:
        expect(False, "the error of a call comes out of execute_sync")


@breaker_kit.case
async def case_calls_get_their_arguments_and_give_their_result(h: BreakerHarness) -> None:
    """`execute` and `execute_sync` hand arguments and results through, and open by what they see."""
    breaker = h.make(Breaker(failures=2))

    async def add(left: int, *, right: int) -> int:
        return left + right

    def subtract(left: int, *, right: int) -> int:
        return left - right

    expect(await breaker.execute(add, 3, right=4) == 7, "execute returns what the call returned")
    expect(breaker.execute_sync(subtract, 3, right=4) == -1, "execute_sync returns what the call returned")
    for _ in range(2):
        try:
            breaker.execute_sync(raising(LabError()))
        except LabError:
            continue
    expect(breaker.get_state() is BreakerState.OPEN, "failed calls open it")
    with expect_error(ErrorCode.UNAVAILABLE) as caught:
        await breaker.execute(add, 3, right=4)
    with expect_error(ErrorCode.UNAVAILABLE):
        breaker.execute_sync(subtract, 3, right=4)
    expect(caught[0].retryable, "an open breaker's error says that trying again may succeed")


@breaker_kit.case
async def case_isolated_it_lets_nobody_in(h: BreakerHarness) -> None:
    """Isolated it stays open whatever happens; ended, it closes in a new generation."""
    breaker = h.make(Breaker(failures=1, reset=1.0))
    early = breaker.acquire()
    breaker.isolate("maintenance")
    h.clock.now += 3600.0
    breaker.settle(early, Outcome.SUCCESS)
    expect(breaker.get_state() is BreakerState.ISOLATED, "it says that it is isolated")
    expect(try_acquire(breaker) is None, "it lets nobody in and promises no time")
    breaker.isolate(None)
    breaker.settle(early, Outcome.FAILURE)
    expect(breaker.get_state() is BreakerState.CLOSED, "it closes, and what came before is forgotten")
    fail(breaker, 1)
    breaker.isolate(None)
    expect(breaker.get_state() is BreakerState.OPEN, "ending what is not there opens nothing")


async def _cancelled(breaker: RunningBreaker) -> None:
    inside = anyio.Event()

    async def hang() -> None:
        inside.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(breaker.execute, hang)
        with anyio.move_on_after(PATIENCE):
            await inside.wait()
        group.cancel_scope.cancel()
    expect(inside.is_set(), "a caller that may go in goes in")


async def _threads(work: Callable[[], object], count: int) -> None:
    def run() -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - the case asks afterwards what the threads reached together
            return

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join)
