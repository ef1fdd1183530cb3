"""Reading an object chunk by chunk: each is authentic before it is released, and a cut shows at the end."""

from collections import deque

import anyio
import anyio.to_thread
import attrs

from aegis_core.crypto.stream import Opener, Span
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.storage.access import Access, Head, head_of
from aegis_core.storage.events import ObjectRead
from aegis_core.storage.model import ByteRange, Key, ObjectInfo
from aegis_core.storage.reading import Reading
from aegis_core.storage.record import Record


class ObjectReader(Reading):
    """One object, or a range of it: ``async with storage.open(key) as reader: async for chunk in reader: …``.

    Entering reads the first piece and puts the reading on record; no byte is released before. Chunks have at most a
    mebibyte. Made by `Storage.open`.
    """

    def __init__(
        self, access: Access, record: Record, operation: str, range: ByteRange | None, largest: int | None, /
    ) -> None:
        super().__init__(access, record, operation)
        self._range = range
        self._largest = largest
        self._opener: Opener | None = None
        self._chunks: deque[bytes] = deque()
        self._info: ObjectInfo | None = None
        self._etag: str | None = None  # of the object whose head was read apart
        self._ended = False

    @property
    def info(self) -> ObjectInfo:
        """The object's description, known once the reader is entered."""
        if self._info is None or self._event is None:
            raise self._misused("info is known inside `async with`")
        return self._info

    async def _begin(self) -> ObjectRead:
        with Wrapping(self._access.adapter, self._operation):
            head, info, length = await (self._whole() if self._range is None else self._part(self._range))
        self._info = attrs.evolve(info, key=Key(self._access.name), size=head.size)
        object_id = str(head.envelope.object_id)
        return ObjectRead(object_id=object_id, key=self._access.name, size=length, event_id=self._record.new_id())

    async def _piece(self) -> bytes | None:
        while not self._chunks:
            if self._ended:
                return None
            await self._read_on()
        return self._chunks.popleft()

    async def _read_on(self) -> None:
        assert self._reader is not None
        assert self._opener is not None
        chunks = await self._reader.read(self._open)
        if chunks is None:
            self._opener.finish()
            self._ended = True
        else:
            self._chunks.extend(chunks)

    def _open(self, view: memoryview) -> list[bytes]:
        assert self._reader is not None
        assert self._opener is not None
        if self._etag is not None and self._reader.info.etag != self._etag:
            raise _replaced()
        return [bytes(plain) for plain in self._opener.open([view])]

    # The whole object: one reader from its first byte on, so that a small one costs one hop.

    async def _whole(self) -> tuple[Head, ObjectInfo, int]:
        self._reader = reader = self._access.adapter.read(self._access.key)
        gathered = bytearray()

        def take(view: memoryview) -> tuple[Head, bytes] | None:
            data = view
            if gathered:
                gathered.extend(view)
                data = memoryview(gathered)
            head = head_of(data, reader.info.stored_size)
            if isinstance(head, int):
                if not gathered:
                    gathered.extend(view)
                return None
            rest = data[head.length :]
            self._refuse_large(head.size)
            data_key = self._access.data_key_at_hand(head.envelope)
            if data_key is None:
                return head, bytes(rest)
            self._make_opener(head, data_key, Span.of(head.sealed_size))
            self._chunks.extend(self._open(rest))
            return head, b""

        found: tuple[Head, bytes] | None = None
        while found is None:
            more = await reader.read(lambda view: [take(view)])
            if more is None:
                raise AegisError(ErrorCode.INTEGRITY, "the object ends inside its head: it was cut")
            found = more[0]
        head, rest = found
        if self._opener is None:
            ring_key = await self._access.ring_key(head.envelope)
            self._make_opener(head, head.envelope.unwrap(ring_key, key=self._access.key), Span.of(head.sealed_size))
            self._chunks.extend(await anyio.to_thread.run_sync(self._open, memoryview(rest)))
        return head, reader.info, head.size

    # A range: its head first, then the chunks that hold it.

    async def _part(self, range: ByteRange) -> tuple[Head, ObjectInfo, int]:
        access = self._access
        head, info = await access.read_head()
        ring_key = await access.ring_key(head.envelope)
        beyond = range.start > head.size
        # Where the object ends is the store's word until the last chunk was opened.
        span = Span.of(head.sealed_size, *((head.size, None) if beyond else (range.start, range.stop)))
        self._refuse_large(span.length)
        self._make_opener(head, head.envelope.unwrap(ring_key, key=access.key), span)
        start, stop = head.envelope_size + span.stored_start, head.envelope_size + span.stored_stop
        self._reader = access.adapter.read(access.key, range=ByteRange(start, stop))
        self._etag = info.etag
        try:
            await self._read_on()
        except AegisError as error:
            if error.code is ErrorCode.INVALID_ARGUMENT:  # the range lies beyond the end: not of the object we know
                raise _replaced() from None
            raise
        if beyond:
            while not self._ended:
                await self._read_on()
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the byte range starts beyond the end of the object")
        return head, info, span.length

    def _make_opener(self, head: Head, data_key: bytes, span: Span) -> None:
        self._opener = Opener(
            data_key,
            context=head.envelope.context(self._access.tenant),
            header=head.stream_header,
            span=span,
            sealed_size=head.sealed_size,
        )

    def _refuse_large(self, size: int) -> None:
        if self._largest is not None and size > self._largest:
            raise AegisError(
                ErrorCode.RESOURCE_EXHAUSTED,
                f"this is {size} bytes, and download holds at most {self._largest} in memory: use open()",
            )

    async def _close(self) -> None:
        self._chunks.clear()
        await super()._close()


def _replaced() -> AegisError:
    return AegisError(ErrorCode.CONFLICT, "the object was replaced while it was read: read it again")
