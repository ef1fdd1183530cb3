"""What a port's driver raised, wrapped once."""

from typing import Protocol

from aegis_core.kernel.errors import AegisError, ErrorCode


class Classifies(Protocol):
    """The part of an adapter that knows its driver's exceptions."""

    @property
    def name(self) -> str: ...

    def classify(self, exc: BaseException, /) -> ErrorCode | None: ...


def as_error(exc: Exception, adapter: Classifies, operation: str, /) -> AegisError:
    """The `AegisError` for an exception that an adapter let out; one of ours stays what it is."""
    if isinstance(exc, AegisError):
        return exc
    code = adapter.classify(exc) or ErrorCode.INTERNAL
    # A driver's text may quote what it was given; its type says enough.
    error = AegisError(code, f"the adapter failed: {type(exc).__name__}", operation=operation, adapter=adapter.name)
    error.__cause__ = exc if isinstance(exc, OSError) else None
    return error
