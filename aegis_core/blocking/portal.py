"""One loop on one thread, started at first use, for callers that have no loop of their own."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import Any, Final, Generic, TypeVar

from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError

T = TypeVar("T")


class Portal:
    """Runs coroutine functions on its own thread. Starts nothing until asked, and starts anew after a fork.

    The caller's context variables are seen by what runs. A caller that is interrupted (`KeyboardInterrupt`) cancels
    its call and waits until that has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, call: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """Run ``call()`` to its end and give what it gives.

        Raises:
            AegisError: ``invalid_argument`` on a thread that runs an event loop, which would stand still meanwhile.
        """
        _refuse_on_a_loop()
        loop = self._started()
        future: Future[T] = Future()
        context = copy_context()
        task: asyncio.Task[T] | None = None

        def settle(done: asyncio.Task[T]) -> None:
            if done.cancelled():
                future.set_exception(AegisError(ErrorCode.CANCELLED, "the call was cancelled inside the portal"))
            elif (error := done.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result())

        def start() -> None:
            nonlocal task
            task = loop.create_task(call(), context=context)
            task.add_done_callback(settle)

        loop.call_soon_threadsafe(start, context=context)
        try:
            return future.result()
        except (KeyboardInterrupt, SystemExit):
            if not future.done():
                loop.call_soon_threadsafe(lambda: task is not None and task.cancel())
                future.exception()
            raise

    def hold(self, manager: AbstractAsyncContextManager[T], /) -> "Held[T]":
        """Enter a context manager and keep it entered, in one task of its own, until `Held.leave`."""
        held = Held[T](self)
        started: Future[T] = Future()
        self.run(lambda: held.start(manager, started))
        held.value = started.result()
        return held

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                ready: Future[asyncio.AbstractEventLoop] = Future()
                threading.Thread(target=_serve, args=(ready,), name="aegis-blocking", daemon=True).start()
                self._loop = ready.result()
                self._pid = os.getpid()
            return self._loop


class Held(Generic[T]):
    """A context manager that is entered on the portal. ``value`` is what entering it gave."""

    value: T

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._pid = os.getpid()
        self._leave: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, manager: AbstractAsyncContextManager[T], started: "Future[T]", /) -> None:
        """Enter on a task of its own, and return once that is done."""
        self._leave = asyncio.Event()
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(manager, started, entered))
        await entered

    async def _keep(
        self, manager: AbstractAsyncContextManager[T], started: "Future[T]", entered: "asyncio.Future[None]"
    ) -> None:
        leave = self._leave
        assert leave is not None
        try:
            async with manager as value:
                started.set_result(value)
                entered.set_result(None)
                await leave.wait()
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)

    def check(self) -> None:
        """Refuse use in a child that was forked after entering.

        Raises:
            ForkedError: the loop did not come along.
        """
        if self._pid != os.getpid():
            raise ForkedError("what this object belongs to")

    def leave(self) -> None:
        """Leave it, on the task that entered it, and raise what leaving raises."""
        self.check()
        self._portal.run(self._left)

    async def _left(self) -> None:
        if self._leave is not None and self._task is not None:
            self._leave.set()
            await self._task


def _serve(ready: "Future[asyncio.AbstractEventLoop]") -> None:
    async def forever() -> None:
        ready.set_result(asyncio.get_running_loop())
        await asyncio.Event().wait()

    asyncio.run(forever())


def _refuse_on_a_loop() -> None:
    trio = sys.modules.get("trio")
    if asyncio._get_running_loop() is not None or (trio is not None and trio.lowlevel.in_trio_run()):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a blocking call on a thread that runs an event loop would stop the loop: use the async service there",
        )


PORTAL: Final = Portal()
"""The process's portal; its thread starts at the first call."""
