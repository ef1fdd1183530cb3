"""What a circuit breaker implements: decisions only, sync, safe from threads and loops."""

from enum import StrEnum
from typing import Final, NewType, Protocol

PORT: Final = "breaker/1"

#: The number of the generation in which a call was let in; a probe has a number of its own, so that its lease can end.
#: A plain int: nothing is allocated for it.
Permit = NewType("Permit", int)


class Outcome(StrEnum):
    """How a call ended, for the breaker. IGNORED (a cancelled call, an excluded error) counts for nothing."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"


class BreakerState(StrEnum):
    """Isolated: kept open by hand until told otherwise."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    ISOLATED = "isolated"


class CircuitBreaker(Protocol):
    """Decides whether calls may go out.

    Duties, each a case of the kit:

    - Open: `acquire` raises `AegisError` with ``unavailable`` and ``retry_after``, and a caller who waits that long
      gets in.
    - Half-open: exactly ``probes`` permits are out at once. An unsettled probe's lease ends after ``reset`` seconds.
    - An outcome of another generation is counted in the metrics only.
    - A cancelled call settles IGNORED, and IGNORED changes nothing but gives a probe's permit back.
    - No lock is held while the protected call runs, and the caller's exception comes out as the same object.
    """

    def acquire(self) -> Permit:
        """Ask to be let in."""
        ...

    def settle(self, permit: Permit, outcome: Outcome, /) -> None:
        """Say how the call ended."""
        ...

    def get_state(self) -> BreakerState: ...

    def isolate(self, reason: str | None, /) -> None:
        """Keep it open whatever happens; None ends that, and it closes."""
        ...
