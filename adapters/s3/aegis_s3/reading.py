"""Reads one object: one request for all of it, and another where a connection breaks."""

import urllib3

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.hops import HopReader
from aegis_core.storage.model import ByteRange, Key, ObjectInfo
from aegis_s3.bucket import ADAPTER
from aegis_s3.store import HEADER_SIZE, MAGIC, Store, foreign, plainly


class S3Reader(HopReader):
    """Implements `Reader`. Goes on where a connection broke, if the object is still the same one."""

    def __init__(self, store: Store, key: Key, range: ByteRange | None) -> None:
        super().__init__(adapter=ADAPTER)
        self._store = store
        self._key = key
        self._name = store.names.name(key)
        self._range = range
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._resumed_at = -1

    def start(self) -> tuple[ObjectInfo, int, int]:
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
        return info, *(wanted or ByteRange(0)).within(info.stored_size)

    def fetch(self, start: int, size: int, /) -> bytes:
        piece = self._fill(size)
        while len(piece) < size:
            # It broke off. Whoever got no further since the last time gives up.
            reached = start + len(piece)
            if reached == self._resumed_at:
                raise _broken()
            self._resumed_at = reached
            self._resume(reached)
            piece += self._fill(size - len(piece))
        return piece

    def _resume(self, at: int) -> None:
        self._drop()
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
            self._drop()
            raise failure
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def release(self) -> None:
        if self._ended and self._answer is not None:
            self._answer.drain_conn()
            self._answer.release_conn()
            self._answer = None
        self._drop()

    def _drop(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()


def _broken() -> AegisError:
    return AegisError(ErrorCode.UNAVAILABLE, "the server broke off while it was read: read again", adapter=ADAPTER)
