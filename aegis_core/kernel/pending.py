"""A result that comes later: awaitable from any loop, waitable from any thread, resolved from any thread."""

import asyncio
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from aegis_core.kernel.errors import AegisError, ErrorCode

T = TypeVar("T")

_UNSET: Any = object()


class Pending(Generic[T]):
    """One result, resolved once with a value or an error.

    Cancelling one waiter changes nothing for the others or for the work itself.
    """

    __slots__ = ("_callbacks", "_error", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T = _UNSET
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []

    @classmethod
    def done_with(cls, value: T, /) -> "Pending[T]":
        """One that is resolved already."""
        pending = cls()
        pending._value = value
        return pending

    @property
    def done(self) -> bool:
        """Whether the result is there."""
        return self._value is not _UNSET or self._error is not None

    def resolve(self, value: T, /) -> None:
        """Give the result, from any thread. A second one is ignored."""
        self._settle(value, None)

    def fail(self, error: BaseException, /) -> None:
        """Give an error instead, from any thread. A second one is ignored."""
        self._settle(_UNSET, error)

    def _settle(self, value: T, error: BaseException | None) -> None:
        with self._lock:
            if self.done:
                return
            self._error = error
            self._value = value
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_done(self, callback: Callable[[], None], /) -> None:
        """Call ``callback`` once the result is there: at once, or on the thread that resolves. It must not raise."""
        with self._lock:
            if not self.done:
                self._callbacks.append(callback)
                return
        callback()

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def _result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Any, Any, T]:
        if not self.done:
            if _in_trio():
                yield from self._on_trio().__await__()
            else:
                yield from self._on_asyncio().__await__()
        return self._result()

    async def _on_asyncio(self) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        def callback() -> None:
            if asyncio._get_running_loop() is loop:
                wake()
                return
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the waiter's loop has ended meanwhile: nobody is left to wake
                return

        self.on_done(callback)
        try:
            await future
        finally:
            self._forget(callback)

    async def _on_trio(self) -> None:
        import trio

        task = trio.lowlevel.current_task()
        token = trio.lowlevel.current_trio_token()
        waiting = True

        def wake() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                trio.lowlevel.reschedule(task)

        def callback() -> None:
            # Through the loop's own queue, also on its own thread: only a parked task may be rescheduled, and the
            # result may come between the check in __await__ and the parking below.
            try:
                token.run_sync_soon(wake)
            except trio.RunFinishedError:
                return

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            nonlocal waiting
            waiting = False
            self._forget(callback)
            return trio.lowlevel.Abort.SUCCEEDED

        self.on_done(callback)
        await trio.lowlevel.wait_task_rescheduled(abort)

    def wait(self, *, deadline: float | None = None) -> T:
        """Wait on this thread.

        Arguments:
            deadline: seconds from now; None waits as long as it takes.

        Raises:
            AegisError: ``invalid_argument`` on a loop's own thread, which would block it for ever;
                ``deadline_exceeded`` when the time is over, and the work goes on.
        """
        if not self.done:
            if _in_trio() or asyncio._get_running_loop() is not None:
                raise AegisError(ErrorCode.INVALID_ARGUMENT, "wait() would block the running event loop: await instead")
            event = threading.Event()
            self.on_done(event.set)
            if not event.wait(deadline):
                self._forget(event.set)
            if not self.done:
                raise AegisError(ErrorCode.DEADLINE_EXCEEDED, "the result was not there in time; the work goes on")
        return self._result()


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())
