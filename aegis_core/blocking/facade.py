"""What every blocking service is made of: an async service, opened on the portal, and calls that wait for it."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from aegis_core.blocking.portal import PORTAL, Held, Portal
from aegis_core.kernel.errors import AegisError, ErrorCode

T = TypeVar("T")


S = TypeVar("S", bound=AbstractAsyncContextManager[Any])


class Facade(Generic[S]):
    """A service for code without an event loop. Use it with ``with``, from any thread but a loop's own.

    Arguments:
        service: the async service, not open; this facade opens and closes it on the portal.
    """

    def __init__(self, service: S, /) -> None:
        self._service = service
        self._portal: Portal = PORTAL
        self._held: Held[Any] | None = None

    @classmethod
    def around(cls, service: S, held: Held[Any], /) -> Self:
        """A facade around a service that is open already, as a part of what ``held`` holds."""
        facade = cls(service)
        facade._held = held
        return facade

    def __enter__(self) -> Self:
        self._held = self._portal.hold(self._service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.leave()

    def _open(self) -> S:
        """The service, if it is open in this process.

        Raises:
            ForkedError: it was opened before this process was forked.
        """
        if self._held is None:
            name = type(self).__name__
            raise AegisError(
                ErrorCode.UNAVAILABLE, f"{name} is not open: enter it with `with`", operation=name, retryable=False
            )
        self._held.check()
        return self._service

    def _run(self, call: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        service = self._open()
        return self._portal.run(lambda: call(service))
