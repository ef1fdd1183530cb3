"""Things that are opened in order and closed in reverse, within a deadline that also ends what is shielded."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Final, cast

import anyio
from anyio.abc import TaskStatus

#: Of what is left of the deadline, one part may use so much: those that are closed after it need some, too.
_SHARE: Final = 0.75


class _Limit:
    """The shielded scopes of one part, so that the deadline finds them."""

    __slots__ = ("is_over", "scopes")

    def __init__(self) -> None:
        self.scopes: set[anyio.CancelScope] = set()
        self.is_over = False


_limit: Final[ContextVar[_Limit | None]] = ContextVar("aegis_core.lifetimes", default=None)


class shielded:  # noqa: N801 - read as a word: `with shielded():`
    """A block that a cancelled caller does not cut short: ``with shielded(): await adapter.aclose()``.

    What `Lifetimes` holds is cut short all the same once the deadline for closing is over; a bare
    ``CancelScope(shield=True)`` is not, so services and adapters use this one where they close.
    """

    __slots__ = ("_limit", "_scope")

    def __enter__(self) -> None:
        self._scope = anyio.CancelScope(shield=True)
        self._limit = _limit.get()
        self._scope.__enter__()
        if self._limit is not None:
            self._limit.scopes.add(self._scope)
            if self._limit.is_over:
                self._scope.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._limit is not None:
            self._limit.scopes.discard(self._scope)
        return bool(self._scope.__exit__(kind, error, traceback))


class Lifetimes:
    """Holds async context managers, each entered and left in a task of its own, which can be ended alone.

    `enter` and `leave` are called in one task; in between, that task is cancelled if something held breaks.

    Arguments:
        monotonic: seconds; only to learn what is left of the deadline.
    """

    def __init__(self, monotonic: Callable[[], float], /) -> None:
        self._monotonic = monotonic
        self._group = anyio.create_task_group()
        self._held: list[_Held] = []
        self._owner = 0
        #: Names of what was not closed in time.
        self.late: list[str] = []
        #: Name → what it raised while in use or while it was closed, in the order of closing.
        self.failed: dict[str, Exception] = {}

    async def enter(self) -> None:
        """Begin."""
        self._owner = anyio.get_current_task().id
        await self._group.__aenter__()

    @property
    def is_own_task(self) -> bool:
        """Whether this is the task that entered."""
        return anyio.get_current_task().id == self._owner

    async def hold(self, name: str, manager: AbstractAsyncContextManager[object], /) -> None:
        """Enter a context manager, and keep it entered until `close`. Raises what entering raises."""
        held = _Held(name, manager, self._group.cancel_scope.cancel)
        self._held.append(held)
        error = await self._group.start(held.run)
        if error is not None:
            self._held.remove(held)
            raise cast("Exception", error)

    async def close(self, deadline: float, /) -> float:
        """Leave everything, last in first out; never raises for what is held.

        Arguments:
            deadline: seconds in all. Who takes longer is cancelled and counts as late; one that hangs leaves a
                quarter of what is left to the others. Only a thread that does not return cannot be cancelled.

        Returns:
            The seconds that are left.
        """
        left = deadline
        try:
            with anyio.CancelScope(shield=True):
                for held in reversed(self._held):
                    began = self._monotonic()
                    held.leave.set()
                    with anyio.move_on_after(left * _SHARE):
                        await held.left.wait()
                    if not held.left.is_set():
                        self.late.append(held.name)
                        held.give_up()
                        await held.left.wait()
                        left -= left * _SHARE
                    else:
                        left = max(left - (self._monotonic() - began), left / 100)
                        if held.error is not None:
                            self.failed[held.name] = _single(held.error)
        except BaseException:
            for held in self._held:  # cancelled once more, by the loop itself: everything ends now
                held.leave.set()
                held.give_up()
            raise
        return left

    async def leave(self, error: BaseException | None, /) -> bool:
        """End. The caller's own exception is not handed to the task group, which would wrap it in another.

        Returns:
            Whether ``error`` is the cancellation by which something that broke ended the block.
        """
        if isinstance(error, anyio.get_cancelled_exc_class()):
            return bool(await self._group.__aexit__(type(error), error, error.__traceback__))
        await self._group.__aexit__(None, None, None)
        return False


class _Held:
    def __init__(
        self, name: str, manager: AbstractAsyncContextManager[object], end_the_block: Callable[[], None]
    ) -> None:
        self.name = name
        self.error: Exception | None = None
        self.leave = anyio.Event()
        self.left = anyio.Event()
        self._scope = anyio.CancelScope()
        self._limit = _Limit()
        self._manager = manager
        self._end_the_block = end_the_block

    async def run(self, *, task_status: TaskStatus[Exception | None]) -> None:
        _limit.set(self._limit)
        is_open = False
        try:
            with self._scope:
                async with self._manager:
                    is_open = True
                    # From here on the application's cancellation goes past: closing is in order, and by `close` alone.
                    self._scope.shield = True
                    task_status.started(None)
                    await self.leave.wait()
        except Exception as error:  # noqa: BLE001 - told by `hold`, by `close` or by the end of the block
            self.error = error
            if not is_open:
                task_status.started(error)
            elif not self.leave.is_set():
                self._end_the_block()
        finally:
            self.left.set()

    def give_up(self) -> None:
        self._limit.is_over = True
        for scope in tuple(self._limit.scopes):
            scope.cancel()
        self._scope.cancel()


def _single(error: Exception) -> Exception:
    """The one exception in a group of one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
