"""Time is injected: nothing else in the house reads a clock."""

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What a service needs of time. An instance attribute that holds a bare callable fits, and is fastest."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """Seconds that never go backwards."""
        ...

    @property
    def wall_ns(self) -> Callable[[], int]:
        """POSIX nanoseconds, UTC."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait on the running loop, asyncio or trio."""
        ...

    def sleep_sync(self, seconds: float, /) -> None:
        """Wait on this thread."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self.monotonic: Callable[[], float] = time.monotonic
        self.wall_ns: Callable[[], int] = time.time_ns

    async def sleep(self, seconds: float, /) -> None:
        import anyio

        await anyio.sleep(seconds)

    def sleep_sync(self, seconds: float, /) -> None:
        time.sleep(seconds)


SYSTEM_CLOCK = SystemClock()
