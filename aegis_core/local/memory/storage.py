"""Objects in this process's memory: for tests, and for trying things out."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import anyio.lowlevel
import attrs

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.registry import check_options
from aegis_core.kernel.url import ServiceUrl
from aegis_core.storage.model import (
    LARGEST_PIECE,
    ByteRange,
    Key,
    Match,
    ObjectInfo,
    Page,
    Replace,
    checked_key,
    checked_listing,
)
from aegis_core.storage.port import StorageCapabilities

T = TypeVar("T")


@attrs.frozen
class _Object:
    info: ObjectInfo
    body: bytes = attrs.field(repr=False)


class MemoryStorage:
    """Implements `StorageAdapter` without a disk. What it holds goes with the process.

    Arguments:
        clock: dates the objects.
        largest: bytes that one object may have; None: as the memory allows.
    """

    name = "memory"
    backends = EVERY_BACKEND

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, largest: int | None = None) -> None:
        self.capabilities = StorageCapabilities(create=True, match=True, largest=largest)
        #: Steps taken so far: one for each call that a real store would make a round trip for.
        self.steps = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._objects: dict[Key, _Object] = {}
        self._published = 0

    async def open(self) -> None:
        await self.step()

    async def aclose(self) -> None:
        await self.step()

    async def health(self) -> Health:
        return UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return ErrorCode.RESOURCE_EXHAUSTED if isinstance(exc, MemoryError) else None

    def native(self, type_: type[T], /) -> T | None:
        return None

    async def stat(self, key: Key, /) -> ObjectInfo:
        checked_key(key)
        await self.step()
        return self.find(key).info

    def read(self, key: Key, /, *, range: ByteRange | None = None) -> "MemoryReader":
        return MemoryReader(self, checked_key(key), range)

    def write(self, key: Key, /, *, replace: Replace) -> "MemoryWriter":
        return MemoryWriter(self, checked_key(key), replace)

    async def list(self, prefix: str, /, *, after: Key | None = None, limit: int = 1000) -> Page:
        checked_listing(prefix, limit)
        await self.step()
        with self._lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix) and (after is None or key > after))
            page = [self._objects[key].info for key in keys[:limit]]
        return Page(tuple(page), page[-1].key if len(keys) > limit else None)

    async def delete(self, key: Key, /, *, only: Match | None = None) -> None:
        checked_key(key)
        await self.step()
        with self._lock:
            if only is not None:
                self._must_match(key, only)
            self._objects.pop(key, None)

    # For readers and writers; planted bugs reach in here, too.

    async def step(self) -> None:
        """Stand for a round trip."""
        self.steps += 1
        await anyio.lowlevel.checkpoint()

    def find(self, key: Key) -> _Object:
        """Give an object, or raise ``not_found``."""
        found = self._objects.get(key)
        if found is None:
            raise AegisError(ErrorCode.NOT_FOUND, "there is no object with this key", adapter=self.name)
        return found

    def publish(self, key: Key, body: bytes, replace: Replace) -> ObjectInfo:
        """Make an object visible, as ``replace`` says."""
        with self._lock:
            if isinstance(replace, Match):
                self._must_match(key, replace)
            elif not replace and key in self._objects:
                raise AegisError(ErrorCode.ALREADY_EXISTS, "an object with this key exists already", adapter=self.name)
            self._published += 1
            modified = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
            info = ObjectInfo(key, len(body), f"{self._published:x}", modified)
            self._objects[key] = _Object(info, body)
            return info

    def _must_match(self, key: Key, match: Match) -> None:
        found = self._objects.get(key)
        if found is None or found.info.etag != match.etag:
            raise AegisError(
                ErrorCode.PRECONDITION_FAILED, "the object is not the one that was asked for", adapter=self.name
            )


class MemoryReader:
    """Reads one object as it was at the first `read`."""

    def __init__(self, store: MemoryStorage, key: Key, range: ByteRange | None) -> None:
        self._store = store
        self._key = key
        self._range = range
        self._found: _Object | None = None
        self._at = self._stop = 0
        self._closed = False

    @property
    def info(self) -> ObjectInfo:
        if self._found is None:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "info is known from the first read on")
        return self._found.info

    async def read(self, take: Callable[[memoryview], T], /) -> T | None:
        if self._closed:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this reader is closed")
        await self._store.step()
        if self._found is None:
            found = self._store.find(self._key)
            self._at, self._stop = (self._range or ByteRange(0)).within(len(found.body))
            self._found = found
        if self._at >= self._stop:
            return None
        start, self._at = self._at, min(self._stop, self._at + LARGEST_PIECE)
        with memoryview(self._found.body)[start : self._at] as view:
            return take(view)

    async def aclose(self) -> None:
        self._closed = True


class MemoryWriter:
    """Collects one object, and publishes it at once."""

    def __init__(self, store: MemoryStorage, key: Key, replace: Replace) -> None:
        self._store = store
        self._key = key
        self._replace = replace
        self._body = bytearray()
        self._usable = True

    async def write(self, make: Callable[[], Iterable[bytes | memoryview]], /) -> None:
        self._use()
        await self._store.step()
        largest = self._store.capabilities.largest
        for piece in make():
            self._body += piece
            if largest is not None and len(self._body) > largest:
                raise AegisError(ErrorCode.RESOURCE_EXHAUSTED, f"an object holds at most {largest} bytes here")
        self._usable = True

    async def commit(self) -> ObjectInfo:
        self._use()
        await self._store.step()
        return self._store.publish(self._key, bytes(self._body), self._replace)

    async def aclose(self) -> None:
        self._usable = False
        self._body = bytearray()

    def _use(self) -> None:
        # Whatever leaves a call early, be it an error or cancellation, leaves the writer unusable.
        if not self._usable:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this writer is closed, committed or failed before")
        self._usable = False


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> MemoryStorage:
    """Make one from ``memory:``."""
    check_options(url)
    return MemoryStorage(clock=deps.clock)
