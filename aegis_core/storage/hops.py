"""Writers and readers of adapters whose driver blocks: every piece in one thread hop, and one ``make`` held back.

What must not differ between such adapters lies here, so that each holds its driver's own steps alone: what may still be
called after a failure, what a cancelled caller leaves running, and that letting go happens once.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import anyio.to_thread

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.lifetimes import shielded
from aegis_core.storage.model import LARGEST_PIECE, ObjectInfo

T = TypeVar("T")
Make: TypeAlias = Callable[[], Iterable[bytes | memoryview]]


class HopWriter(ABC):
    """Implements `Writer` over three blocking steps. None of them runs at the same time as another.

    One ``make`` is held back, so that an object that is written in one piece costs one thread hop, the commit included.

    Arguments:
        adapter: its name, for errors.
    """

    def __init__(self, *, adapter: str) -> None:
        self._adapter = adapter
        self._held: Make | None = None
        self._state: Literal["usable", "failed", "closed"] = "usable"
        self._began = False
        self._lock = threading.Lock()  # a task that is cancelled natively leaves its thread running

    @abstractmethod
    def pour(self, pieces: Iterable[bytes | memoryview], /) -> None:
        """Write pieces, in a thread; called at least once before `publish`."""

    @abstractmethod
    def publish(self) -> ObjectInfo:
        """Make the object durable and visible, in a thread; nothing is left to let go of."""

    @abstractmethod
    def abandon(self) -> None:
        """Leave nothing behind of what was not published, in a thread; called again if it raised."""

    async def write(self, make: Make, /) -> None:
        self._must_be_usable()
        held, self._held = self._held, make
        if held is not None:
            await self._hop(partial(self._drain, held))

    async def commit(self) -> ObjectInfo:
        self._must_be_usable()
        return await self._hop(self._commit)

    async def aclose(self) -> None:
        self._held = None
        if self._began and self._state != "closed":
            with shielded():
                await anyio.to_thread.run_sync(self._discard)
        self._state = "closed"

    def _must_be_usable(self) -> None:
        if self._state != "usable":
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "this writer is closed, committed or failed before", adapter=self._adapter
            )

    async def _hop(self, work: Callable[[], T]) -> T:
        self._began = True
        try:
            return await anyio.to_thread.run_sync(work)
        except BaseException:
            if self._state == "usable":
                self._state = "failed"
            raise

    def _drain(self, make: Make) -> None:
        with self._lock:
            self._must_be_usable()
            self.pour(make())

    def _commit(self) -> ObjectInfo:
        with self._lock:
            self._must_be_usable()
            held, self._held = self._held, None
            self.pour(held() if held is not None else ())
            info = self.publish()
            self._state = "closed"
            return info

    def _discard(self) -> None:
        with self._lock:
            self._state = "closed"
            self.abandon()


class HopReader(ABC):
    """Implements `Reader` over three blocking steps. None of them runs at the same time as another.

    Arguments:
        adapter: its name, for errors.
    """

    def __init__(self, *, adapter: str) -> None:
        self._adapter = adapter
        self._info: ObjectInfo | None = None
        self._at = self._stop = 0
        self._began = self._closed = self._ended = self._released = False
        self._lock = threading.Lock()  # a task that is cancelled natively leaves its thread running

    @abstractmethod
    def start(self) -> tuple[ObjectInfo, int, int]:
        """Find the object, in a thread: what it is, and the first byte and the one behind the last to be read."""

    @abstractmethod
    def fetch(self, start: int, size: int, /) -> bytes | memoryview:
        """Read just so many bytes of the object, in a thread; at most `LARGEST_PIECE`."""

    @abstractmethod
    def release(self) -> None:
        """Let go of what is open, in a thread; called once after `start`, also where that raised."""

    @property
    def info(self) -> ObjectInfo:
        """What is read, known from the first `read` on."""
        if self._info is None:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "info is known from the first read on", adapter=self._adapter)
        return self._info

    async def read(self, take: Callable[[memoryview], T], /) -> T | None:
        self._must_be_open()
        if self._ended:
            return None
        self._began = True
        return await anyio.to_thread.run_sync(self._read, take)

    async def aclose(self) -> None:
        self._closed = True
        if self._began and not self._released:
            with shielded():
                await anyio.to_thread.run_sync(self._close)

    def _must_be_open(self) -> None:
        if self._closed:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this reader is closed", adapter=self._adapter)

    def _read(self, take: Callable[[memoryview], T]) -> T | None:
        with self._lock:
            self._must_be_open()
            if self._info is None:
                self._info, self._at, self._stop = self.start()
            size = min(self._stop - self._at, LARGEST_PIECE)
            piece = self.fetch(self._at, size) if size > 0 else b""
            self._at += size
            if self._at >= self._stop:
                self._ended = True
                self._let_go()
            if size <= 0:
                return None
            with memoryview(piece) as view:
                return take(view)

    def _close(self) -> None:
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if not self._released:
            self._released = True
            self.release()
