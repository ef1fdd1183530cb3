"""The one place where what an adapter lets out becomes an `AegisError`: services wrap once, and retry nothing here."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Final, Protocol

from aegis_core.kernel.errors import AegisError, ErrorCode

_ADVICE: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {
        ErrorCode.RESOURCE_EXHAUSTED: "make room, or raise its limit",
        ErrorCode.PERMISSION_DENIED: "let this process read and write there",
        ErrorCode.UNAVAILABLE: "try again",
    }
)


class Classifies(Protocol):
    """The part of an adapter that knows its driver's exceptions."""

    @property
    def name(self) -> str: ...

    def classify(self, exc: BaseException, /) -> ErrorCode | None: ...


def as_error(exc: Exception, adapter: Classifies, operation: str, /) -> AegisError:
    """The `AegisError` for an exception that an adapter let out; one of ours stays the same object.

    A driver's text may quote what it was given: a key, an address, a path with a name in it. Its type says enough, and
    of the system's own errors the number stays as the cause.

    Arguments:
        operation: the public operation, such as ``"storage.upload"``.
    """
    if isinstance(exc, AegisError):
        if not exc.operation:  # nobody has said yet where it comes from
            exc.operation = operation
            exc.adapter = exc.adapter or adapter.name
        return exc
    code = adapter.classify(exc) or ErrorCode.INTERNAL
    error = AegisError(
        code,
        f"the adapter failed with {type(exc).__name__}: {_ADVICE.get(code, 'see its own log')}",
        operation=operation,
        adapter=adapter.name,
    )
    number: object = exc.errno if isinstance(exc, OSError) else None
    if isinstance(number, int):  # whoever makes an OSError may put anything in there; the system's own text is safe
        error.__cause__ = OSError(number, os.strerror(number))
    return error


class Wrapping:
    """A block in which an adapter is called on behalf of one public operation: what it lets out leaves by `as_error`.

    Arguments:
        caller: gives the exception that belongs to the caller and comes out as it is; None: there is none.
    """

    __slots__ = ("_adapter", "_caller", "_operation")

    def __init__(
        self, adapter: Classifies, operation: str, /, *, caller: Callable[[], Exception | None] | None = None
    ) -> None:
        self._adapter = adapter
        self._operation = operation
        self._caller = caller

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or (self._caller is not None and error is self._caller()):
            return
        wrapped = as_error(error, self._adapter, self._operation)
        if wrapped is not error:
            raise wrapped from wrapped.__cause__
