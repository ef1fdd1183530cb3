"""One loop on one thread, started at first use, for callers that have no loop of their own."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import Any, Final, Generic, TypeVar

from aegis_core.kernel.backend import is_on_a_loop
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, MisuseError

T = TypeVar("T")


class Portal:
    """Runs coroutine functions on its own thread. Starts nothing until asked, and starts anew after a fork.

    The caller's context variables are seen by what runs. A caller that is interrupted (`KeyboardInterrupt`) cancels
    its call and waits until that has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left_behind: list[asyncio.AbstractEventLoop] = []

    def run(self, call: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """Run ``call()`` to its end and give what it gives.

        Raises:
            AegisError: ``invalid_argument`` on a thread that runs an event loop, which would stand still meanwhile.
        """
        refuse_on_a_loop()
        loop = self._loop or self._started()
        future: Future[T] = Future()
        context = copy_context()
        task: asyncio.Task[None] | None = None

        async def work() -> None:
            # Nothing is raised here: SystemExit would end the loop, and with it everybody's calls.
            try:
                value = await call()
            except asyncio.CancelledError:
                future.set_exception(AegisError(ErrorCode.CANCELLED, "the call was cancelled inside the portal"))
            except BaseException as error:  # noqa: BLE001 - raised on the caller's thread
                future.set_exception(error)
            else:
                future.set_result(value)

        def start() -> None:
            nonlocal task
            task = loop.create_task(work(), context=context)

        loop.call_soon_threadsafe(start)
        try:
            return future.result()
        except BaseException:
            if not future.done():  # this thread was interrupted
                loop.call_soon_threadsafe(lambda: task is not None and task.cancel())
                future.exception()
            raise

    def hold(self, manager: AbstractAsyncContextManager[T], /) -> "Held[T]":
        """Enter a context manager and keep it entered, in one task of its own, until `Held.leave`."""
        held = Held(self, manager)
        self.run(held.enter)
        return held

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                ready: Future[asyncio.AbstractEventLoop] = Future()
                threading.Thread(target=_serve, args=(ready,), name="aegis-blocking", daemon=True).start()
                self._loop = ready.result()
            return self._loop

    def forget(self) -> None:
        """In a forked child: the loop's thread stayed with the parent, and the lock may be held by one that did."""
        self._lock = threading.Lock()
        if self._loop is not None:
            # Kept for ever: closing it here would deregister what the parent's loop waits for.
            self._left_behind.append(self._loop)
            self._loop = None


class Held(Generic[T]):
    """A context manager that is entered and left on the portal, in one task."""

    def __init__(self, portal: Portal, manager: AbstractAsyncContextManager[T], /) -> None:
        self._portal = portal
        self._manager = manager
        self._process = os.getpid()
        self._is_left = False
        self._leave = asyncio.Event()
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Enter in a task of its own, and return once that is done. If this is cancelled, it is left again."""
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(entered))
        try:
            await entered
        except asyncio.CancelledError:
            if entered.done() and not entered.cancelled():
                self._leave.set()
            else:
                self._task.cancel()
            await asyncio.wait([self._task])
            raise

    async def _keep(self, entered: "asyncio.Future[None]") -> None:
        try:
            await self._manager.__aenter__()
        except BaseException as error:  # noqa: BLE001 - raised by `enter`
            if not entered.done():
                entered.set_exception(error)
            return
        if entered.cancelled():
            self._leave.set()
        else:
            entered.set_result(None)
        await self._leave.wait()
        ended_by = self._error
        if ended_by is None:
            await self._manager.__aexit__(None, None, None)
        else:
            await self._manager.__aexit__(type(ended_by), ended_by, ended_by.__traceback__)

    def check(self) -> None:
        """Refuse use outside of the block, and in a child that was forked inside it.

        Raises:
            AegisError: ``unavailable`` once it is left.
            ForkedError: the loop did not come along.
        """
        if self._process != os.getpid():
            raise ForkedError("this blocking service")
        if self._is_left:
            raise AegisError(ErrorCode.UNAVAILABLE, "it is closed: use it inside its `with` block", retryable=False)

    def leave(self, error: BaseException | None = None, /) -> None:
        """Leave it, on the task that entered it, and raise what leaving raises, unless there is an error already.

        In a forked child there is nothing to leave.

        Arguments:
            error: what ended the caller's block.
        """
        if self._process != os.getpid():
            return
        self._error = error
        self._is_left = True
        try:
            self._portal.run(self._left)
        except Exception:
            if error is None:
                raise

    async def _left(self) -> None:
        self._leave.set()
        if self._task is not None:
            await self._task


def _serve(ready: "Future[asyncio.AbstractEventLoop]") -> None:
    async def forever() -> None:
        ready.set_result(asyncio.get_running_loop())
        await asyncio.Event().wait()

    asyncio.run(forever())


def refuse_on_a_loop() -> None:
    """Raise ``invalid_argument`` on a thread that runs an event loop, which a blocking call would stop."""
    if is_on_a_loop():
        raise MisuseError(
            "a blocking call on a thread that runs an event loop would stop the loop: use the async service there, "
            "or call it in a thread (`await asyncio.to_thread(...)`)",
        )


PORTAL: Final = Portal()
"""The process's portal; its thread starts at the first call."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PORTAL.forget)
