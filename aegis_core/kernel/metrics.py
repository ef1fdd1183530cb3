"""The seam for metrics: bind an instrument once, call it often."""

from collections.abc import Callable
from typing import Protocol


class Metrics(Protocol):
    """Makes instruments. Label values come from closed sets: never an id, a key or a name."""

    def counter(self, name: str, /, **labels: str) -> Callable[[float], None]:
        """Bind a counter; call the result with what to add."""
        ...

    def gauge(self, name: str, /, **labels: str) -> Callable[[float], None]:
        """Bind a gauge; call the result with its new value."""
        ...

    def histogram(self, name: str, /, **labels: str) -> Callable[[float], None]:
        """Bind a histogram; call the result with an observation, in seconds or bytes as the name's unit says."""
        ...


def _ignore(_value: float, /) -> None:
    return None


class NoMetrics:
    """Measures nothing: what services use when nobody injects metrics."""

    __slots__ = ()

    def counter(self, name: str, /, **labels: str) -> Callable[[float], None]:
        return _ignore

    def gauge(self, name: str, /, **labels: str) -> Callable[[float], None]:
        return _ignore

    def histogram(self, name: str, /, **labels: str) -> Callable[[float], None]:
        return _ignore


NO_METRICS = NoMetrics()
