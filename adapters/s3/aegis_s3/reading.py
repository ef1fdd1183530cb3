"""Reads one object: one request for all of it, and another where a connection breaks."""

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
import urllib3

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_PIECE, ByteRange, Key, ObjectInfo
from aegis_s3.bucket import ADAPTER
from aegis_s3.store import HEADER_SIZE, MAGIC, Store, foreign, plainly

T = TypeVar("T")


class S3Reader:
    """Implements `Reader`. Goes on where a connection broke, if the object is still the same one."""

    def __init__(self, store: Store, key: Key, range: ByteRange | None) -> None:
        self._store = store
        self._key = key
        self._name = store.names.name(key)
        self._range = range
        self._info: ObjectInfo | None = None
        self._began = self._closed = self._ended = False
        self._lock = threading.Lock()  # a task that is cancelled natively leaves its thread running
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._at = self._stop = 0
        self._resumed_at = -1

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "info is known from the first read on", adapter=ADAPTER)
        return self._info

    async def read(self, take: Callable[[memoryview], T], /) -> T | None:
        self._must_be_open()
        if self._ended:
            return None
        self._began = True
        return await anyio.to_thread.run_sync(self._read, take)

    async def aclose(self) -> None:
        self._closed = True
        if self._began and not (self._ended and self._answer is None):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _must_be_open(self) -> None:
        if self._closed:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this reader is closed", adapter=ADAPTER)

    # What runs in the thread hop.

    def _read(self, take: Callable[[memoryview], T]) -> T | None:
        with self._lock:
            self._must_be_open()
            if self._info is None:
                self._start()
            size = min(self._stop - self._at, LARGEST_PIECE)
            piece = self._piece(size) if size > 0 else b""
            self._at += size
            if self._at >= self._stop:
                self._ended = True
                self._release()
            if size <= 0:
                return None
            with memoryview(piece) as view:
                return take(view)

    def _start(self) -> None:
        wanted = self._range
        start = wanted.start if wanted is not None else 0
        last: int | None = None
        if wanted is not None and wanted.stop is not None:
            last = HEADER_SIZE + max(wanted.stop, start) - 1
        # One byte more in front: a range that starts at the very end would else hold none, and be refused.
        first = HEADER_SIZE + start - 1 if start else 0
        limit = self._store.limit()
        stored, self._answer = plainly(lambda: self._store.bucket.get(self._name, limit, first=first, last=last))
        head = self._fill(HEADER_SIZE if not start else 1)
        info = self._store.info(self._key, stored)
        if not start and not head.startswith(MAGIC):
            raise foreign()
        self._at, self._stop = start, info.stored_size
        if wanted is not None:
            self._at, self._stop = wanted.within(info.stored_size)
        self._info = info

    def _piece(self, size: int) -> bytes:
        piece = self._fill(size)
        while len(piece) < size:
            # It broke off. Whoever got no further since the last time gives up.
            reached = self._at + len(piece)
            if reached == self._resumed_at:
                raise _broken()
            self._resumed_at = reached
            self._resume(reached)
            piece += self._fill(size - len(piece))
        return piece

    def _resume(self, at: int) -> None:
        self._release()
        limit = self._store.limit()
        first, last = HEADER_SIZE + at, HEADER_SIZE + self._stop - 1
        try:
            _, self._answer = plainly(
                lambda: self._store.bucket.get(self._name, limit, first=first, last=last, etag=self.info.etag)
            )
        except AegisError as error:
            if error.code not in {ErrorCode.NOT_FOUND, ErrorCode.PRECONDITION_FAILED, ErrorCode.INVALID_ARGUMENT}:
                raise
            failure = AegisError(
                ErrorCode.CONFLICT, "the object was replaced or deleted while it was read: read again", adapter=ADAPTER
            )
        else:
            return
        raise failure

    def _fill(self, size: int) -> bytes:
        """That many bytes, or fewer if the connection broke."""
        assert self._answer is not None
        limit = self._store.limit()
        limit.left()
        pieces: list[bytes] = []
        filled = 0
        while filled < size:
            try:
                piece = self._answer.read(size - filled)
            except urllib3.exceptions.TimeoutError as error:
                failure = limit.failure(error)
            except (urllib3.exceptions.HTTPError, OSError):
                break
            else:
                if not piece:
                    break
                pieces.append(piece)
                filled += len(piece)
                continue
            self._release()
            raise failure
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _release(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if self._ended:
            answer.drain_conn()
            answer.release_conn()
        else:
            answer.close()

    def _close(self) -> None:
        with self._lock:
            self._release()


def _broken() -> AegisError:
    return AegisError(ErrorCode.UNAVAILABLE, "the server broke off while it was read: read again", adapter=ADAPTER)
