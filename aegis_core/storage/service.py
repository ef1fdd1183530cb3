"""Files of patients, sealed before they leave this process, and on record before anybody sees them."""

import os
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import attrs

from aegis_core.crypto.envelope import NONCE_SIZE, Envelope
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.crypto.stream import KEY_SIZE, SALT_SIZE, Sealer
from aegis_core.kernel.backend import refuse_other_loop
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import current
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.opened import OpenedAdapters
from aegis_core.kernel.recorder import Recorder, Unrecorded
from aegis_core.storage.access import Access, Head, closing, head_of
from aegis_core.storage.events import ObjectDeleted, ObjectMoved, ObjectWritten
from aegis_core.storage.keys import escaped_key, escaped_prefix
from aegis_core.storage.listing import Listing
from aegis_core.storage.model import ByteRange, Key, Match, ObjectInfo, Replace
from aegis_core.storage.port import Reader, StorageAdapter, Writer
from aegis_core.storage.reader import ObjectReader
from aegis_core.storage.record import Record
from aegis_core.storage.sealed import SealedReader
from aegis_core.storage.source import Feed, Source

MIB: Final = 1 << 20

_LOST_RACES: Final = frozenset({ErrorCode.ALREADY_EXISTS, ErrorCode.PRECONDITION_FAILED})


class Storage:
    """Keeps files, sealed, in whatever store the adapter stands for. Safe to use from many tasks of one event loop.

    Keys are text such as ``"lab/4711.pdf"``. They should name records by ids and hold no name of a patient: stores
    show their keys to whoever administers them. Each tenant of `current()` has keys of its own.

    Used as an async context manager, which opens and closes the adapters; the keyring is borrowed.

    Arguments:
        adapter: holds the objects of every tenant without a store of its own.
        keyring: gives the keys under which each object's own key is wrapped.
        tenants: tenant → the store that holds its objects; looked up at each call.
        recorder: the audit trail; without one nothing is on record.

    Example:
        ::

            async with Storage(FileStorage("data"), keyring, recorder=trail) as storage:
                await storage.upload("lab/4711.pdf", Path("scan.pdf"))
                async with storage.open("lab/4711.pdf") as reader:
                    async for chunk in reader: ...
    """

    def __init__(
        self,
        adapter: StorageAdapter,
        keyring: Keyring,
        /,
        *,
        tenants: Mapping[str, StorageAdapter] | None = None,
        recorder: Recorder | None = None,
        metrics: Metrics = NO_METRICS,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._adapter = adapter
        self._tenants: Mapping[str, StorageAdapter] = {} if tenants is None else tenants
        self._keyring = keyring
        self._entropy = entropy
        self._octets = entropy.octets
        self._record = Record(Unrecorded() if recorder is None else recorder, metrics, clock, entropy)
        self._adapters = OpenedAdapters("storage")
        self._process: int | None = None
        self._thread = 0

    async def __aenter__(self) -> Self:
        """Open every adapter.

        Raises:
            AegisError: ``unsupported`` for an adapter that cannot run on this backend; what an adapter raises. What
                had opened is closed again.
        """
        if self._process is not None:
            self._check()
            return self
        await self._adapters.open([self._adapter, *self._tenants.values()])
        self._process, self._thread = os.getpid(), threading.get_ident()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every adapter. Idempotent."""
        self._process = None
        await self._adapters.aclose()

    async def upload(self, key: str, source: Source, /, *, replace: Replace = False) -> ObjectInfo:
        """Seal a source and publish it under a key, all or nothing; durable when this returns.

        Arguments:
            key: the application's key, such as ``"lab/4711.pdf"``.
            source: bytes, a `Path` (read in the thread that seals and writes), or an iterable or async iterable of
                bytes. Memory does not grow with its size.
            replace: False creates; True replaces whatever is there; `Match` replaces only that one.

        Raises:
            AegisError: ``already_exists`` or ``precondition_failed``, as ``replace`` says; ``conflict`` if the source's
                file changed while it was read; ``resource_exhausted`` if the store is full; what the source raises,
                unchanged.
        """
        operation = "storage.upload"
        with self._record.counting(operation):
            access = self._access(key)
            ring_key = await self._keyring.active(KeyPurpose.WRAP, tenant=access.tenant)
            data_key = self._octets(KEY_SIZE)
            object_id = self._record.new_id()
            envelope = Envelope.make(
                data_key, ring_key, object_id=object_id, key=access.key, nonce=self._octets(NONCE_SIZE)
            )
            sealer = Sealer(data_key, context=envelope.context(access.tenant), salt=self._octets(SALT_SIZE))
            del data_key
            head = envelope.encode()
            feed = Feed(head + sealer.header, sealer)
            with Wrapping(access.adapter, operation, caller=lambda: feed.failure):
                writer = access.adapter.write(access.key, replace=replace)
                async with closing(feed), closing(writer):
                    await feed.send(source, writer)
                    event = ObjectWritten(
                        object_id=str(object_id), key=access.name, size=feed.size, event_id=self._record.new_id()
                    )
                    info = await self._publish(access, writer, event, head)
            return attrs.evolve(info, key=Key(access.name), size=feed.size)

    async def download(self, key: str, /, *, range: ByteRange | None = None, largest: int = 64 * MIB) -> bytes:
        """Read an object, or a range of its plaintext, into memory.

        Arguments:
            largest: bytes; more are refused.

        Raises:
            AegisError: ``not_found``; ``resource_exhausted`` if it is more than ``largest``: use `open`;
                ``invalid_argument`` if the range starts beyond the end; ``integrity`` if the object was changed.
        """
        async with ObjectReader(self._access(key), self._record, "storage.download", range, largest) as reader:
            return b"".join([chunk async for chunk in reader])

    def open(self, key: str, /, *, range: ByteRange | None = None) -> ObjectReader:
        """Read an object, or a range of its plaintext, chunk by chunk, in memory that does not grow with its size.

        Returns:
            A reader: ``async with storage.open(key) as reader: async for chunk in reader: …``. Entering it raises what
            `download` raises.
        """
        return ObjectReader(self._access(key), self._record, "storage.open", range, None)

    def sealed(self, key: str, /) -> SealedReader:
        """Read an object's bytes as the store holds them, to take it elsewhere; nothing is opened.

        Returns:
            A reader: ``async with storage.sealed(key) as reader: async for piece in reader: …``. Entering it raises
            ``not_found``, or ``integrity`` for what does not begin as a sealed object does.
        """
        return SealedReader(self._access(key), self._record, self._entropy)

    async def stat(self, key: str, /) -> ObjectInfo:
        """Describe an object. Its size is the store's word: only reading to the end proves it.

        Raises:
            AegisError: ``not_found``; ``integrity`` if it does not begin as a sealed object does.
        """
        operation = "storage.stat"
        with self._record.counting(operation):
            access = self._access(key)
            with Wrapping(access.adapter, operation):
                head, info = await access.read_head()
            return attrs.evolve(info, key=Key(access.name), size=head.size)

    def list(self, prefix: str = "", /) -> Listing:
        """List the tenant's objects whose keys begin with ``prefix``: ``async for info in storage.list("lab/"): …``."""
        self._check()
        tenant = current().tenant
        return Listing(self._store(tenant), escaped_prefix(prefix, tenant=tenant))

    async def move(self, source: str, target: str, /, *, replace: Replace = False) -> ObjectInfo:
        """Give an object another key. Its sealed bytes are copied as they are, under a new envelope; then the old
        object is deleted, unless somebody has replaced it meanwhile. Ended in between, both are there.

        Arguments:
            replace: what may be at ``target``, as for `upload`.

        Raises:
            AegisError: as `upload` for the target, and ``not_found`` for the source; ``integrity`` if the source's
                envelope does not belong to its key.
        """
        operation = "storage.move"
        with self._record.counting(operation):
            old, new = self._access(source), self._access(target)
            if old.key == new.key:
                raise AegisError(ErrorCode.INVALID_ARGUMENT, "an object moves to another key", operation=operation)
            with Wrapping(old.adapter, operation):
                reader = old.adapter.read(old.key)
                writer = new.adapter.write(new.key, replace=replace)
                async with closing(reader), closing(writer):
                    head, rest = await _first_piece(reader)
                    envelope = head.envelope.moved(
                        await old.ring_key(head.envelope),
                        key=old.key,
                        to=await self._keyring.active(KeyPurpose.WRAP, tenant=new.tenant),
                        new_key=new.key,
                        nonce=self._octets(NONCE_SIZE),
                    ).encode()
                    await writer.write(_giving(envelope, rest))
                    del rest
                    while (piece := await reader.read(bytes)) is not None:
                        await writer.write(_giving(piece))
                    event = ObjectMoved(
                        object_id=str(head.envelope.object_id),
                        key=old.name,
                        target=new.name,
                        size=head.size,
                        event_id=self._record.new_id(),
                    )
                    info = await self._publish(new, writer, event, envelope)
                    try:
                        match = Match(reader.info.etag) if old.adapter.capabilities.match else None
                        await old.adapter.delete(old.key, only=match)
                    except BaseException as error:
                        self._record.failed(event, error)
                        raise
            return attrs.evolve(info, key=Key(new.name), size=head.size)

    async def delete(self, key: str, /, *, only: Match | None = None) -> None:
        """Remove an object, durably; of nothing it is no error, unless ``only`` is given.

        Raises:
            AegisError: ``precondition_failed`` if the object is not the one that ``only`` names.
        """
        operation = "storage.delete"
        with self._record.counting(operation):
            access = self._access(key)
            with Wrapping(access.adapter, operation):
                object_id = await self._object_id(access)
                if object_id is None:  # nothing is there: the adapter says what that means
                    await access.adapter.delete(access.key, only=only)
                    return
                event = ObjectDeleted(object_id=object_id, key=access.name, event_id=self._record.new_id())
                await self._record.before(event)
                try:
                    await access.adapter.delete(access.key, only=only)
                except BaseException as error:
                    self._record.failed(event, error)
                    raise

    async def _object_id(self, access: Access) -> str | None:
        try:
            head, _ = await access.read_head()
        except AegisError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return None
            if error.code is ErrorCode.INTEGRITY:
                return ""  # what cannot be read can be deleted all the same
            raise
        return str(head.envelope.object_id)

    async def _publish(
        self, access: Access, writer: Writer, event: ObjectWritten | ObjectMoved, envelope: bytes
    ) -> ObjectInfo:
        await self._record.before(event)
        try:
            return await writer.commit()
        except BaseException as error:
            # A driver that repeats a commit whose answer was lost meets its own object.
            if isinstance(error, AegisError) and error.code in _LOST_RACES:
                info = await self._own(access, envelope)
                if info is not None:
                    return info
            self._record.failed(event, error)
            raise

    async def _own(self, access: Access, envelope: bytes) -> ObjectInfo | None:
        try:
            found, info = await access.read_first(len(envelope))
        except Exception:  # noqa: BLE001 - the error that led here says more
            return None
        return info if found == envelope else None

    def _access(self, key: str) -> Access:
        self._check()
        tenant = current().tenant
        return Access(self._store(tenant), self._keyring, tenant or "", escaped_key(key, tenant=tenant), key)

    def _store(self, tenant: str | None) -> StorageAdapter:
        return self._tenants.get(tenant, self._adapter) if tenant else self._adapter

    def _check(self) -> None:
        if self._process is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE,
                "the storage is not open: use it inside `async with Storage(…)`",
                operation="storage",
                retryable=False,
            )
        if self._process != os.getpid():
            raise ForkedError("the storage")
        refuse_other_loop(self._thread, "the storage")


async def _first_piece(reader: Reader) -> tuple[Head, bytes]:
    """Read on until the head is whole; gives it and what follows the envelope."""
    gathered = bytearray()
    while (piece := await reader.read(bytes)) is not None:
        gathered += piece
        head = head_of(gathered, reader.info.stored_size)
        if isinstance(head, Head):
            return head, bytes(gathered[head.envelope_size :])
    raise AegisError(ErrorCode.INTEGRITY, "the object ends inside its head: it was cut")


def _giving(*pieces: bytes) -> Callable[[], tuple[bytes, ...]]:
    return lambda: pieces
