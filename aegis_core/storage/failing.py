"""One place where what an adapter raises becomes an `AegisError`, and is counted."""

from collections.abc import Callable
from types import TracebackType

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.metrics import Metrics
from aegis_core.storage.port import StorageAdapter


class Wrapping:
    """A block in which an adapter is called on behalf of one public operation.

    Arguments:
        caller: gives the exception that belongs to the caller and comes out as it is; None: there is none.
    """

    __slots__ = ("_adapter", "_caller", "_operation")

    def __init__(
        self, adapter: StorageAdapter, operation: str, /, *, caller: Callable[[], Exception | None] | None = None
    ) -> None:
        self._adapter = adapter
        self._operation = operation
        self._caller = caller

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception):
            return
        if isinstance(error, AegisError):
            if not error.operation:  # nobody has said yet where it comes from
                error.operation = self._operation
                error.adapter = error.adapter or self._adapter.name
            return
        if self._caller is not None and error is self._caller():
            return
        code = self._adapter.classify(error) or ErrorCode.INTERNAL
        raise AegisError(
            code,
            f"the storage adapter failed with {type(error).__name__}: {_ADVICE.get(code, 'see its own log')}",
            operation=self._operation,
            adapter=self._adapter.name,
        ) from _without_names(error)


_ADVICE = {
    ErrorCode.RESOURCE_EXHAUSTED: "make room, or raise its limit",
    ErrorCode.PERMISSION_DENIED: "let this process read and write there",
    ErrorCode.UNAVAILABLE: "try again",
}


def _without_names(error: Exception) -> Exception | None:
    # An adapter's exception may quote a path or a key, and a key may hold what must not be shown.
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror)
    return None


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
