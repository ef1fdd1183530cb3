"""The breaker's decisions as pure functions: the model that tests hold the fast breaker against."""

import math

import attrs

from aegis_core.resilience.model import Breaker
from aegis_core.resilience.port import BreakerState, Outcome


@attrs.frozen
class State:
    """A breaker's whole state.

    Arguments:
        kind: closed, open, half-open or isolated, as of the last change.
        number: the last number given to a generation or a probe; numbers are never used twice.
        generation: the number that closed calls carry.
        failed_at: monotonic seconds of the failures that may still count, oldest first.
        until: monotonic seconds at which an open breaker admits its first probe.
        leases: probes that are out: number, and monotonic seconds at which the lease ends.
        succeeded: probes that succeeded.
    """

    kind: BreakerState = BreakerState.CLOSED
    number: int = 1
    generation: int = 1
    failed_at: tuple[float, ...] = ()
    until: float = 0.0
    leases: tuple[tuple[int, float], ...] = ()
    succeeded: int = 0


@attrs.frozen
class Admitted:
    """The call may go out."""

    state: State
    permit: int


@attrs.frozen
class Rejected:
    """The call may not go out; after so many seconds it may, None: nobody knows."""

    state: State
    retry_after: float | None


def at(state: State, now: float) -> State:
    """The state as time alone makes it: an open breaker turns half-open, and leases end."""
    if state.kind is BreakerState.OPEN and now >= state.until:
        state = attrs.evolve(state, kind=BreakerState.HALF_OPEN)
    if state.kind is BreakerState.HALF_OPEN:
        return attrs.evolve(state, leases=tuple(lease for lease in state.leases if lease[1] > now))
    return state


def admit(state: State, now: float, policy: Breaker) -> Admitted | Rejected:
    """Decide whether one more call may go out."""
    state = at(state, now)
    if state.kind is BreakerState.CLOSED:
        return Admitted(state, state.generation)
    if state.kind is BreakerState.ISOLATED:
        return Rejected(state, None)
    if state.kind is BreakerState.OPEN:
        return Rejected(state, wait_until(state.until, now))
    if len(state.leases) + state.succeeded < policy.probes:
        permit = state.number + 1
        leases = (*state.leases, (permit, now + policy.reset))
        return Admitted(attrs.evolve(state, number=permit, leases=leases), permit)
    return Rejected(state, wait_until(min(end for _, end in state.leases), now))


def fold(state: State, permit: int, outcome: Outcome, now: float, policy: Breaker) -> State:
    """Fold one outcome into the state; an outcome that is late changes nothing."""
    state = at(state, now)
    if is_late(state, permit):
        return state
    if state.kind is BreakerState.CLOSED:
        if outcome is not Outcome.FAILURE:
            return state
        failed_at = (*state.failed_at, now)[-policy.failures :]
        if len(failed_at) == policy.failures and now - failed_at[0] <= policy.window:
            return opened(state, now, policy)
        return attrs.evolve(state, failed_at=failed_at)
    if outcome is Outcome.FAILURE:
        return opened(state, now, policy)
    state = attrs.evolve(state, leases=tuple(lease for lease in state.leases if lease[0] != permit))
    if outcome is Outcome.IGNORED:
        return state
    state = attrs.evolve(state, succeeded=state.succeeded + 1)
    return closed(state) if state.succeeded == policy.probes else state


def isolate(state: State, on: bool) -> State:  # noqa: FBT001 - the one thing that it is about
    """Keep it open by hand, or end that."""
    if on:
        return State(BreakerState.ISOLATED, state.number)
    return closed(state) if state.kind is BreakerState.ISOLATED else state


def is_late(state: State, permit: int) -> bool:
    """Whether a permit belongs to another generation, or to a probe whose lease has ended."""
    if state.kind is BreakerState.CLOSED:
        return permit != state.generation
    return state.kind is not BreakerState.HALF_OPEN or all(permit != number for number, _ in state.leases)


def opened(state: State, now: float, policy: Breaker) -> State:
    """Open from now on."""
    return State(BreakerState.OPEN, state.number, until=now + policy.reset)


def closed(state: State) -> State:
    """Closed, in a new generation that remembers no failure."""
    return State(BreakerState.CLOSED, state.number + 1, state.number + 1)


def wait_until(moment: float, now: float) -> float:
    """Seconds that lead from now to the moment: rounded so that ``now + seconds`` never lies before it."""
    seconds = moment - now
    while now + seconds < moment:
        seconds = math.nextafter(seconds, math.inf)
    return seconds
