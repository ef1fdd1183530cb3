"""Writes one object: with one request, or, if it is larger than a part, in parts."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.hops import HopWriter
from aegis_core.storage.model import Key, Match, ObjectInfo, Replace
from aegis_s3.bucket import ADAPTER, Stored, is_etag
from aegis_s3.parts import Parts
from aegis_s3.refusals import Refusal, refused
from aegis_s3.store import Store, plainly

T = TypeVar("T")

_SMALL = 1 << 20


class S3Writer(HopWriter):
    """Implements `Writer`: a small object is one thread hop and one request."""

    def __init__(self, store: Store, key: Key, replace: Replace) -> None:
        super().__init__(adapter=ADAPTER)
        self._store = store
        self._key = key
        self._name = store.names.name(key)
        self._replace = replace
        self._buffer = bytearray()
        self._filled = 0
        self._size = 0
        self._parts: Parts | None = None

    def pour(self, pieces: Iterable[bytes | memoryview], /) -> None:
        if not self._filled:
            self._take(self._store.header())
        for piece in pieces:
            with memoryview(piece) as whole, whole.cast("B") as view:
                self._size += len(view)
                if self._size > self._store.largest:
                    raise AegisError(
                        ErrorCode.RESOURCE_EXHAUSTED,
                        "the object is larger than this store takes: raise part_mib in the URL",
                        adapter=ADAPTER,
                    )
                self._take(view)

    def _take(self, view: bytes | memoryview) -> None:
        at, length = 0, len(view)
        while at < length:
            if self._filled == self._store.part_size:
                self._send_part()
            wanted = length - at
            if len(self._buffer) < self._filled + wanted and len(self._buffer) < self._store.part_size:
                self._grow(self._filled + wanted)
            taken = min(wanted, len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + taken] = view[at : at + taken]
            self._filled += taken
            at += taken

    def _grow(self, size: int) -> None:
        # Small objects take what they need; a large one gets its whole part at once, and is not copied again.
        part_size = self._store.part_size
        size = part_size if size > _SMALL else min(max(size, 2 * len(self._buffer)), _SMALL, part_size)
        larger = bytearray(size)
        larger[: self._filled] = memoryview(self._buffer)[: self._filled]
        self._buffer = larger

    def _send_part(self) -> None:
        if self._parts is None:
            self._store.settle()
            self._parts = Parts(self._store, self._name)
        buffer, filled, self._buffer, self._filled = self._buffer, self._filled, bytearray(), 0
        self._parts.send(buffer, filled)
        self._buffer = self._parts.buffer()

    def publish(self) -> ObjectInfo:
        condition = self._condition()
        if self._parts is None:
            limit = self._store.limit()
            with memoryview(self._buffer)[: self._filled] as body:
                stored = self._visibly(lambda: self._store.bucket.put(self._name, body, limit, condition=condition))
        else:
            self._parts.send(self._buffer, self._filled)
            etag, modified = self._parts.finish(condition, self._visibly)
            stored = Stored(self._name, 0, etag, modified)
        self._buffer = bytearray()
        return ObjectInfo(self._key, self._size, stored.etag, stored.modified)

    def _condition(self) -> Mapping[str, str]:
        match self._replace:
            case Match(etag=etag):
                if not is_etag(etag):
                    raise _moved()
                return {"If-Match": f'"{etag}"'}
            case True:
                return {}
            case _:
                return {"If-None-Match": "*"}

    def _visibly(self, call: Callable[[], T]) -> T:
        """The one request that makes the object visible; its refusals mean what ``replace`` says."""
        failure: AegisError
        try:
            return plainly(call) if self._replace is True else _unwrapped(call)
        except Refusal as error:
            is_absent = error.status == 404 and error.name not in {"NoSuchBucket", "NoSuchUpload"}
            if self._replace is False and error.status == 412:
                failure = AegisError(
                    ErrorCode.ALREADY_EXISTS, "an object with this key exists already", adapter=ADAPTER
                )
            elif self._replace is not False and (error.status == 412 or is_absent):
                failure = _moved()
            else:
                failure = refused(error, adapter=ADAPTER)
        raise failure

    def abandon(self) -> None:
        self._buffer = bytearray()
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.abandon()


def _unwrapped(call: Callable[[], T]) -> T:
    """As `plainly`, but refusals come out as they are."""
    refusal: Refusal | None = None

    def caught() -> T | None:
        nonlocal refusal
        try:
            return call()
        except Refusal as error:
            refusal = error
            return None

    found = plainly(caught)
    if refusal is not None:
        raise refusal
    return found  # type: ignore[return-value]


def _moved() -> AegisError:
    return AegisError(
        ErrorCode.PRECONDITION_FAILED, "the object is not there any more, or is another one by now", adapter=ADAPTER
    )
