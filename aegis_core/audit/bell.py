"""A signal to a task of one loop that any thread may give."""

import asyncio
import sys
import threading
from collections.abc import Callable

import anyio


class Bell:
    """Wakes the task that waits for it. Made on the loop that waits; `ring` works from any thread, and never blocks."""

    __slots__ = ("_event", "_post", "_thread")

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._event = anyio.Event()
        self._post = _poster()

    def ring(self) -> None:
        """Wake the waiter, or let the next `wait` return at once."""
        if threading.get_ident() == self._thread:
            self._event.set()
            return
        try:
            self._post(self._set)
        except RuntimeError:  # the loop has ended: nobody waits any more
            return

    def _set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Wait until it rings, and be ready for the next time."""
        await self._event.wait()
        self._event = anyio.Event()


def _poster() -> Callable[[Callable[[], None]], object]:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()

        def post(wake: Callable[[], None]) -> None:
            token.run_sync_soon(wake)  # raises RunFinishedError, a RuntimeError, once the loop has ended

        return post
    return asyncio.get_running_loop().call_soon_threadsafe
