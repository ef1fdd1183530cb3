"""Reading an object as its store holds it: to take it elsewhere without opening it."""

from typing import Final
from uuid import UUID

import attrs

from aegis_core.crypto.fields import NONCE_SIZE, seal_field
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.storage.access import Access, Head, head_of
from aegis_core.storage.events import ObjectCopied
from aegis_core.storage.model import Key, ObjectInfo, SealedName
from aegis_core.storage.port import Reader
from aegis_core.storage.reading import Reading
from aegis_core.storage.record import Record

_OPERATION: Final = "storage.sealed"
_DOMAIN: Final = b"aegis/object/name/v1\x00"


def name_context(object_id: UUID, /) -> bytes:
    """What an object's sealed name is bound to."""
    return _DOMAIN + object_id.bytes


class SealedReader(Reading):
    """One object's stored bytes, envelope and sealed stream, piece by piece: ``async with storage.sealed(key) as
    reader: async for piece in reader: …``. Made by `Storage.sealed`.

    Entering reads the first piece and puts the copying on record. Nothing is decrypted, so nothing is proved either: a
    changed byte shows when the object is opened.
    """

    def __init__(self, access: Access, record: Record, entropy: Entropy, /) -> None:
        super().__init__(access, record, _OPERATION)
        self._octets = entropy.octets
        self._first = b""
        self._head: Head | None = None
        self._name: SealedName | None = None
        self._left = 0

    @property
    def info(self) -> ObjectInfo:
        """The object's description, known once the reader is entered. Its size is the store's word."""
        return attrs.evolve(self._entered().info, key=Key(self._access.name), size=self._known().size)

    @property
    def object_id(self) -> UUID:
        """The object's own id, which ties it to its events in the trail."""
        return self._known().envelope.object_id

    @property
    def sealed_name(self) -> SealedName:
        """The store's key, which opening the object needs, sealed under the tenant's key: `name_context` binds it."""
        self._entered()
        assert self._name is not None
        return self._name

    async def _begin(self) -> ObjectCopied:
        with Wrapping(self._access.adapter, self._operation):
            await self._read_head()
        head, reader = self._known(), self._entered()
        ring_key = await self._access.keyring.active(KeyPurpose.WRAP, tenant=self._access.tenant)
        context = name_context(head.envelope.object_id)
        box = seal_field(ring_key, self._access.key.encode(), context=context, nonce=self._octets(NONCE_SIZE))
        self._name = SealedName(ring_key.id, box)
        return ObjectCopied(
            object_id=str(head.envelope.object_id),
            key=self._access.name,
            size=reader.info.stored_size,
            event_id=self._record.new_id(),
        )

    async def _read_head(self) -> None:
        self._reader = reader = self._access.adapter.read(self._access.key)
        needed = 0
        while self._head is None:
            piece = await reader.read(bytes)
            if piece is None:
                raise AegisError(ErrorCode.INTEGRITY, f"the object ends before its first {needed} bytes: it was cut")
            self._first += piece
            found = head_of(self._first, reader.info.stored_size)
            if isinstance(found, Head):
                self._head = found
            else:
                needed = found
        self._left = reader.info.stored_size

    async def _piece(self) -> bytes | None:
        piece: bytes | None = self._first
        self._first = b""
        if not piece:
            piece = await self._entered().read(bytes)
        if piece is not None:
            self._left -= len(piece)
        if self._left < 0 or (piece is None and self._left):
            raise AegisError(ErrorCode.INTEGRITY, "the store gave another number of bytes than it said: read it again")
        return piece

    def _entered(self) -> Reader:
        if self._reader is None:
            raise self._misused("this is known inside `async with`")
        return self._reader

    def _known(self) -> Head:
        self._entered()
        assert self._head is not None
        return self._head

    async def _close(self) -> None:
        self._first = b""
        await super()._close()
