"""One error class, one enum of codes. Adapters classify, services wrap once, callers match on the code."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, in the few words that a caller can act on."""

    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    PRECONDITION_FAILED = "precondition_failed"
    PERMISSION_DENIED = "permission_denied"
    INVALID_ARGUMENT = "invalid_argument"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    INTEGRITY = "integrity"
    CONFLICT = "conflict"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class AegisError(Exception):
    """The only error hierarchy of the house; ``case AegisError(ErrorCode.NOT_FOUND)`` matches.

    Messages hold no classified value, key, token or payload, so that they may be logged and shown.

    Arguments:
        code: what a caller can act on.
        message: one sentence that says what to do.
        operation: the public operation, such as ``"storage.upload"``.
        adapter: the adapter's name, where one took part.
        retryable: whether doing the same again may succeed; by default only for ``unavailable``.
        retry_after: seconds to wait before trying again, where that is known.
    """

    __match_args__ = ("code",)

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        /,
        *,
        operation: str = "",
        adapter: str = "",
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.operation = operation
        self.adapter = adapter
        self.retryable = code is ErrorCode.UNAVAILABLE if retryable is None else retryable
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = " ".join(part for part in (self.operation, f"({self.adapter})" if self.adapter else "") if part)
        return f"{self.code.value}: {self.message}" + (f" [{where}]" if where else "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code.value!r}, {self.message!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (pools, test runners): rebuild without calling the subclass's constructor.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[AegisError], args: tuple[object, ...], state: dict[str, object]) -> AegisError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UnsupportedCapability(AegisError):
    """An adapter was asked for a power that it does not declare."""

    def __init__(self, capability: str, /, *, adapter: str = "", operation: str = "") -> None:
        super().__init__(
            ErrorCode.UNSUPPORTED,
            f"the adapter does not offer the capability {capability!r}",
            adapter=adapter,
            operation=operation,
        )
        self.capability = capability


class MisuseError(AegisError):
    """The program uses a service where or when it cannot be used; the code is ``invalid_argument``.

    No fault of who sent a request: HTTP tells it as 500.
    """

    def __init__(self, message: str, /, *, operation: str = "") -> None:
        super().__init__(ErrorCode.INVALID_ARGUMENT, message, operation=operation)


class ForkedError(MisuseError):
    """A service opened before ``fork`` was used in the child: open it again there."""

    def __init__(self, what: str, /) -> None:
        super().__init__(f"{what} was opened before this process was forked; open a new one in the child")
