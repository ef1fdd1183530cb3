"""The counting breaker: as cheap as a method call while closed, exact while half-open."""

import threading
from collections import deque
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import ParamSpec, TypeVar

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience.fold import wait_until
from aegis_core.resilience.model import Breaker, BreakerMetrics
from aegis_core.resilience.port import BreakerState, Outcome, Permit

P = ParamSpec("P")
T = TypeVar("T")

_BY_DEFAULT = Breaker()
_OPERATION = "breaker.acquire"


def every_exception(_error: Exception, /) -> bool:
    """Count every error of a call as a failure of what it called."""
    return True


class CountingBreaker:
    """Opens after so many failures within a window, and admits exactly so many probes after the reset.

    One object serves asyncio, trio and threads. Time is read lazily from the monotonic clock, so no timer runs and
    steps of the wall clock mean nothing. What it decides is written down in `aegis_core.resilience.fold`.

    Only an `Exception` can be a failure. What is not one (a cancelled task, ``KeyboardInterrupt``,
    ``GeneratorExit``) settles IGNORED.

    Arguments:
        name: of what is protected, for the error's text; no classified value.
        policy: when to open, for how long, and how many probes to admit.
        counts: whether an error of a call is a failure of what it called; by default every error is. An error for
            which it raises counts.
        clock: where the monotonic time comes from.
    """

    __slots__ = (
        "_counts",
        "_door",
        "_failed_at",
        "_failures",
        "_ignored",
        "_kind",
        "_late",
        "_leases",
        "_lock",
        "_monotonic",
        "_number",
        "_opened",
        "_probes",
        "_reason",
        "_rejected",
        "_succeeded",
        "_until",
        "name",
        "policy",
    )

    def __init__(
        self,
        name: str,
        policy: Breaker = _BY_DEFAULT,
        /,
        *,
        counts: Callable[[Exception], bool] = every_exception,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = name
        self.policy = policy
        self._counts = counts
        self._monotonic = clock.monotonic
        self._lock = threading.Lock()
        self._kind = BreakerState.CLOSED
        self._number = 1
        #: The closed generation's number; 0 unless closed. Reading it is all that a closed call needs.
        self._door = 1
        self._failed_at: deque[float] = deque(maxlen=policy.failures)
        self._until = 0.0
        self._leases: dict[int, float] = {}
        self._succeeded = 0
        self._reason: str | None = None
        self._opened = self._failures = self._ignored = self._late = self._rejected = self._probes = 0

    def __repr__(self) -> str:
        return f"CountingBreaker({self.name!r}, {self.policy!r})"

    async def execute(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call and await ``fn`` if the breaker lets it.

        Returns:
            What ``fn`` returned.

        Raises:
            AegisError: ``unavailable``, with ``retry_after`` where it is known; ``fn`` was not called.
            BaseException: what ``fn`` raised, the same object.
        """
        permit = self._door or self._admit()
        try:
            result = await fn(*args, **kwargs)
        except BaseException as error:
            self._settle(permit, self._judge(error))
            raise
        if permit != self._door:
            self._settle(permit, Outcome.SUCCESS)
        return result

    def execute_sync(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``fn`` on this thread if the breaker lets it; otherwise like `execute`.

        Raises:
            AegisError: ``invalid_argument`` if ``fn`` is a coroutine function: its failures would come too late to be
                counted.
        """
        permit = self._door or self._admit()
        try:
            result = fn(*args, **kwargs)
        except BaseException as error:
            self._settle(permit, self._judge(error))
            raise
        if result.__class__ is CoroutineType:
            raise self._not_sync(permit, result)
        if permit != self._door:
            self._settle(permit, Outcome.SUCCESS)
        return result

    def acquire(self) -> Permit:
        """Ask to be let in; every permit is settled, whatever happens.

        Raises:
            AegisError: ``unavailable``. A caller who waits for ``retry_after`` gets in, unless others came first.
        """
        return Permit(self._door or self._admit())

    def settle(self, permit: Permit, outcome: Outcome, /) -> None:
        """Say how the call ended. Of another generation, or after the probe's lease: counted in the metrics only."""
        if outcome is not Outcome.SUCCESS or permit != self._door:
            self._settle(permit, outcome)

    def get_state(self) -> BreakerState:
        """The state now: half-open from the moment at which a probe would be let in."""
        with self._lock:
            self._refresh()
            return self._kind

    def get_metrics(self) -> BreakerMetrics:
        """What it has seen so far."""
        with self._lock:
            self._refresh()
            return BreakerMetrics(
                state=self._kind,
                opened=self._opened,
                failures=self._failures,
                ignored=self._ignored,
                late=self._late,
                rejected=self._rejected,
                probes=self._probes,
                isolated=self._reason,
            )

    def isolate(self, reason: str | None, /) -> None:
        """Keep it open whatever happens. None ends that, and it closes; a breaker that is not isolated stays as it is.

        Arguments:
            reason: for people, shown by `get_metrics`; no classified value.
        """
        with self._lock:
            if reason is not None:
                self._enter(BreakerState.ISOLATED)
                self._reason = reason
            elif self._kind is BreakerState.ISOLATED:
                self._close()

    def _judge(self, error: BaseException) -> Outcome:
        if not isinstance(error, Exception):
            return Outcome.IGNORED
        try:
            return Outcome.FAILURE if self._counts(error) else Outcome.IGNORED
        except Exception:  # noqa: BLE001 - the call's own error must come out, and a doubtful one counts
            return Outcome.FAILURE

    def _not_sync(self, permit: int, result: object) -> AegisError:
        if isinstance(result, CoroutineType):
            result.close()
        self._settle(permit, Outcome.IGNORED)
        return AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "execute_sync was given a coroutine function: await execute instead",
            operation="breaker.execute_sync",
        )

    def _admit(self) -> int:
        with self._lock:
            now = self._refresh()
            if self._door:
                return self._door
            retry_after = None
            if self._kind is BreakerState.OPEN:
                retry_after = wait_until(self._until, now)
            elif self._kind is BreakerState.HALF_OPEN:
                if len(self._leases) + self._succeeded < self.policy.probes:
                    self._number += 1
                    self._probes += 1
                    self._leases[self._number] = now + self.policy.reset
                    return self._number
                retry_after = wait_until(min(self._leases.values()), now)
            self._rejected += 1
        advice = "it is isolated by hand" if retry_after is None else f"try again in {retry_after:.3g} s"
        raise AegisError(
            ErrorCode.UNAVAILABLE,
            f"the breaker {self.name!r} lets no call out: {advice}",
            operation=_OPERATION,
            retry_after=retry_after,
        )

    def _settle(self, permit: int, outcome: Outcome) -> None:
        with self._lock:
            now = self._refresh()
            if permit != self._door and permit not in self._leases:
                self._late += 1
                return
            self._leases.pop(permit, None)
            if outcome is Outcome.IGNORED:
                self._ignored += 1
            elif outcome is Outcome.SUCCESS:
                if not self._door:
                    self._succeeded += 1
                    if self._succeeded == self.policy.probes:
                        self._close()
            else:
                self._failures += 1
                self._failed_at.append(now)
                in_window = now - self._failed_at[0] <= self.policy.window
                if not self._door or (len(self._failed_at) == self.policy.failures and in_window):
                    self._enter(BreakerState.OPEN)
                    self._opened += 1
                    self._until = now + self.policy.reset

    def _refresh(self) -> float:
        """Let time do its part, under the lock: an open breaker turns half-open, and leases end."""
        now = self._monotonic()
        if self._kind is BreakerState.OPEN and now >= self._until:
            self._kind = BreakerState.HALF_OPEN
        if self._leases:
            for permit in [permit for permit, end in self._leases.items() if end <= now]:
                del self._leases[permit]
        return now

    def _enter(self, kind: BreakerState) -> None:
        self._kind = kind
        self._door = 0
        self._reason = None
        self._failed_at.clear()
        self._leases.clear()
        self._succeeded = 0

    def _close(self) -> None:
        self._enter(BreakerState.CLOSED)
        self._number += 1
        self._door = self._number
