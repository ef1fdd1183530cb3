"""A clock that stands still until told otherwise: a month passes in milliseconds, and in the same order every time."""

import asyncio
import heapq
import itertools
import sys
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import anyio
import anyio.lowlevel
import anyio.to_thread

from aegis_core.kernel.pending import Pending

_SECOND: Final = 1_000_000_000
#: 2026-01-01T00:00:00Z.
_START: Final = 1_767_225_600 * _SECOND


#: When it is due, in which order it came, what wakes it, and whether it is a thread.
_Sleeper: TypeAlias = tuple[int, int, Pending[None], bool]


class VirtualClock:
    """A `Clock` for tests, on asyncio, trio and threads.

    `sleep` parks the task; `advance` wakes what is due, one sleeper at a time, in the order of their deadlines and then
    of their falling asleep, and lets everything run until it waits again before the next is woken. So two runs of one
    test do the same things in the same order. Time-outs of the event loop itself (`anyio.fail_after`) stay real.

    On the thread that made the clock `sleep_sync` moves the time by itself, since nobody else could; on other threads
    it waits for `advance`.

    Arguments:
        start_ns: the wall clock at the start, in POSIX nanoseconds; 2026-01-01 by default.
    """

    def __init__(self, *, start_ns: int = _START) -> None:
        self._now = 0
        self._start = start_ns
        self._order = itertools.count()
        self._sleepers: list[_Sleeper] = []
        self._parked = 0
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self.monotonic: Callable[[], float] = lambda: self._now / _SECOND
        self.wall_ns: Callable[[], int] = lambda: self._start + self._now

    @property
    def sleeping(self) -> int:
        """How many tasks and threads sleep."""
        with self._lock:
            return len(self._sleepers)

    async def sleep(self, seconds: float, /) -> None:
        """Park this task until the clock has advanced that far. Nought or less lets others run once."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        sleeper = self._park(seconds)
        try:
            await sleeper[2]
        finally:
            self._forget(sleeper)

    def sleep_sync(self, seconds: float, /) -> None:
        """Wait on this thread: see the class."""
        if seconds <= 0:
            return
        if threading.get_ident() == self._thread:
            self.move(seconds)
            return
        sleeper = self._park(seconds, thread=True)
        try:
            sleeper[2].wait()
        finally:
            self._forget(sleeper)

    def move(self, seconds: float, /) -> None:
        """Move the time without letting anything run in between: for code without an event loop."""
        target = self._target(seconds)
        while self._wake_next(target):
            pass
        self._now = target

    async def advance(self, seconds: float = 0.0, /, *, days: float = 0.0, hours: float = 0.0) -> None:
        """Let time pass, and with it everything that was due: from the task of a test, while others sleep."""
        target = self._target(seconds + 3600.0 * (hours + 24.0 * days))
        await self._settle()
        while self._wake_next(target):
            await self._settle()
        self._now = target

    def shift_wall(self, seconds: float, /) -> None:
        """Set the wall clock forward or back, as an administrator would; the monotonic clock does not see it."""
        self._start += round(seconds * _SECOND)

    def _target(self, seconds: float) -> int:
        if not seconds >= 0:
            raise ValueError("time passes forwards: give nought seconds or more")
        return self._now + round(seconds * _SECOND)

    def _park(self, seconds: float, *, thread: bool = False) -> _Sleeper:
        with self._lock:
            due = self._now + max(1, round(seconds * _SECOND))
            sleeper = (due, next(self._order), Pending[None](), thread)
            heapq.heappush(self._sleepers, sleeper)
            self._parked += thread
        return sleeper

    def _forget(self, sleeper: _Sleeper) -> None:
        with self._lock:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)
                self._parked -= sleeper[3]

    def _wake_next(self, target: int) -> bool:
        with self._lock:
            if not self._sleepers or self._sleepers[0][0] > target:
                return False
            due, _, pending, thread = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            self._parked -= thread  # from here on the thread is at work, and is waited for
        pending.resolve(None)
        return True

    async def _settle(self) -> None:
        """Wait until everything else on this loop waits, and no worker thread is at work."""
        while True:
            await _all_blocked()
            threads = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
            with self._lock:
                busy = threads > self._parked
            if not busy:
                return
            await anyio.sleep(0.0005)  # a thread's work takes real time; this one is not waited for by the clock


async def _all_blocked() -> None:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        from trio.testing import wait_all_tasks_blocked

        await wait_all_tasks_blocked()
        return
    # What asyncio is about to run lies in this queue; when it is empty while we run, everything else waits.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    if ready is None:
        await anyio.wait_all_tasks_blocked()
        return
    while True:
        await asyncio.sleep(0)
        if not ready:
            return
