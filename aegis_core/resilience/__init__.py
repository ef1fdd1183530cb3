"""Circuit breakers: keep calls from a service that fails, and let it recover."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.resilience.breaker import CountingBreaker as CountingBreaker
    from aegis_core.resilience.model import Breaker as Breaker
    from aegis_core.resilience.model import BreakerMetrics as BreakerMetrics
    from aegis_core.resilience.port import BreakerState as BreakerState
    from aegis_core.resilience.port import CircuitBreaker as CircuitBreaker
    from aegis_core.resilience.port import Outcome as Outcome
    from aegis_core.resilience.port import Permit as Permit

__all__ = ["Breaker", "BreakerMetrics", "BreakerState", "CircuitBreaker", "CountingBreaker", "Outcome", "Permit"]
__getattr__, __dir__ = lazy(
    __name__,
    {
        "Breaker": ".model",
        "BreakerMetrics": ".model",
        "BreakerState": ".port",
        "CircuitBreaker": ".port",
        "CountingBreaker": ".breaker",
        "Outcome": ".port",
        "Permit": ".port",
    },
)
