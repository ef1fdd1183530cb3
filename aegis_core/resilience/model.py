"""Values of the resilience room."""

import math

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience.port import BreakerState


def _positive(_owner: object, field: "attrs.Attribute[float]", value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        message = f"Breaker.{field.name} must be a finite number of seconds above 0"
        raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="resilience.breaker")


def _at_least_one(_owner: object, field: "attrs.Attribute[int]", value: int) -> None:
    if value < 1:
        message = f"Breaker.{field.name} must be 1 or more"
        raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="resilience.breaker")


@attrs.frozen
class Breaker:
    """How a breaker decides: so many failures within the window open it, and so many probes close it again.

    Arguments:
        failures: failures that open it.
        window: seconds within which they must lie, counted back from the newest.
        reset: seconds that it stays open, and after which the lease of a probe that never settled ends.
        probes: calls let in while it is half-open; all of them must succeed, and one failure opens it again.

    Raises:
        AegisError: ``invalid_argument`` for a value that makes no sense.
    """

    failures: int = attrs.field(default=5, validator=_at_least_one)
    window: float = attrs.field(default=60.0, validator=_positive)
    reset: float = attrs.field(default=30.0, validator=_positive)
    probes: int = attrs.field(default=1, validator=_at_least_one)


@attrs.frozen
class BreakerMetrics:
    """What a breaker has seen since it was made.

    Successes of a closed breaker are not counted: that call takes no lock and reads no clock, and counting it would.

    Arguments:
        state: the state now.
        opened: times that it opened.
        failures: outcomes that counted as failures, late ones left out.
        ignored: outcomes that count for nothing, such as cancelled calls; late ones left out.
        late: outcomes of calls let in before the breaker last changed, or of probes whose lease had ended.
        rejected: calls that were refused.
        probes: calls let in as probes.
        isolated: why it is kept open by hand, if it is.
    """

    state: BreakerState
    opened: int
    failures: int
    ignored: int
    late: int
    rejected: int
    probes: int
    isolated: str | None
