"""What every blocking service is made of: an async service, opened on the portal, and calls that wait for it."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from aegis_core.blocking.portal import PORTAL, Held, refuse_on_a_loop
from aegis_core.kernel.errors import AegisError, ErrorCode, MisuseError

T = TypeVar("T")
S = TypeVar("S", bound=AbstractAsyncContextManager[Any])


class Facade(Generic[S]):
    """A service for code without an event loop. Use it with ``with``, from any thread but a loop's own.

    Subclasses take what the async service takes, and make it.

    Arguments:
        service: the async service, not open; this facade opens and closes it on the portal.
    """

    def __init__(self, service: S, /) -> None:
        self._service = service
        self._held: Held[Any] | None = None

    @classmethod
    def around(cls, service: S, held: Held[Any], /) -> Self:
        """A facade around a service that is open already, as a part of what ``held`` holds."""
        facade = cls.__new__(cls)
        facade._service = service
        facade._held = held
        return facade

    def __enter__(self) -> Self:
        if self._held is not None:
            self._held.check()
            raise MisuseError(
                "it is open already: enter it once; what Aegis opened, Aegis closes",
                operation=type(self).__name__,
            )
        self._held = PORTAL.hold(self._service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.leave(error)

    def _open(self) -> S:
        """The service, if it is open in this process.

        Raises:
            AegisError: ``unavailable`` if it is not open.
            ForkedError: it was opened before this process was forked.
        """
        if self._held is None:
            name = type(self).__name__
            raise AegisError(
                ErrorCode.UNAVAILABLE, f"{name} is not open: enter it with `with`", operation=name, retryable=False
            )
        self._held.check()
        return self._service

    def _handing_out(self) -> S:
        """The service, for a handle whose use blocks: on a loop's thread refused at once, and not at the first use."""
        refuse_on_a_loop()
        return self._open()

    def _run(self, call: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        service = self._open()
        return PORTAL.run(lambda: call(service))

    def _next(self, iterator: AsyncIterator[T]) -> T | None:
        """The next of an async iterator of values; None: the end."""
        self._open()
        return PORTAL.run(lambda: next_or_none(iterator))


async def next_or_none(iterator: AsyncIterator[T]) -> T | None:
    """The next value, or None at the end: StopAsyncIteration may not cross from one thread to another."""
    try:
        return await anext(iterator)
    except StopAsyncIteration:
        return None
