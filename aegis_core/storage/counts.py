"""Counting operations by how they ended."""

from collections.abc import Callable

from aegis_core.kernel.errors import AegisError
from aegis_core.kernel.metrics import Metrics


class Counts:
    """Counts operations by their end, each instrument bound once."""

    __slots__ = ("_bound", "_metrics")

    def __init__(self, metrics: Metrics, /) -> None:
        self._metrics = metrics
        self._bound: dict[tuple[str, str], Callable[[float], None]] = {}

    def add(self, operation: str, error: BaseException | None, /) -> None:
        """Count one operation: its outcome is ``ok``, an error's code, ``cancelled``, or ``raised`` by the caller."""
        if error is None:
            outcome = "ok"
        elif isinstance(error, AegisError):
            outcome = error.code.value
        else:
            outcome = "raised" if isinstance(error, Exception) else "cancelled"
        count = self._bound.get((operation, outcome))
        if count is None:
            count = self._metrics.counter("aegis_storage_operations_total", operation=operation, outcome=outcome)
            self._bound[operation, outcome] = count
        count(1.0)
