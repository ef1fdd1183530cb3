"""One key of one store, and everything that is needed to work on it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

import attrs

from aegis_core.crypto.envelope import PREFIX_SIZE, Envelope
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import RingKey
from aegis_core.crypto.stream import HEADER_SIZE, Buffer, plain_size
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.lifetimes import shielded
from aegis_core.storage.model import ByteRange, Key, ObjectInfo
from aegis_core.storage.port import StorageAdapter

#: Bytes in which the head of one of our objects surely lies: an envelope with one wrapped key has about 200.
_HEAD_GUESS: Final = 1024


@attrs.frozen
class Head:
    """What stands in front of an object's sealed chunks."""

    envelope: Envelope
    envelope_size: int
    stream_header: bytes = attrs.field(repr=False)
    sealed_size: int  #: bytes of the sealed stream, its header included
    size: int  #: bytes of plaintext, as far as the stored size can be believed

    @property
    def length(self) -> int:
        """Bytes of the object that the head takes."""
        return self.envelope_size + HEADER_SIZE


def head_of(data: Buffer, stored_size: int, /) -> Head | int:
    """Read the head from an object's first bytes, or say how many of them are needed.

    Raises:
        AegisError: ``integrity`` if no object of ours begins like this, or has that size.
    """
    if len(data) < PREFIX_SIZE <= stored_size:
        return PREFIX_SIZE
    envelope_size = Envelope.size_of(data)
    length = envelope_size + HEADER_SIZE
    if stored_size < length:
        raise AegisError(ErrorCode.INTEGRITY, "the object is shorter than its head: it was cut")
    if len(data) < length:
        return length
    envelope, _ = Envelope.decode(data)
    sealed_size = stored_size - envelope_size
    header = bytes(data[envelope_size:length])
    return Head(envelope, envelope_size, header, sealed_size, plain_size(sealed_size))


@attrs.frozen
class Access:
    """One key of one tenant's store. ``name`` is the key as the application spells it."""

    adapter: StorageAdapter
    keyring: Keyring
    tenant: str
    key: Key = attrs.field(repr=False)
    name: str = attrs.field(repr=False)

    def data_key_at_hand(self, envelope: Envelope, /) -> bytes | None:
        """Unwrap the data key if the keyring has the key for it at hand; None: `ring_key` fetches it."""
        for wrapped in envelope.wrapped:
            ring_key = self.keyring.cached(wrapped.key_id)
            if ring_key is not None:
                return envelope.unwrap(ring_key, key=self.key)
        return None

    async def ring_key(self, envelope: Envelope, /) -> RingKey:
        """Fetch the key that opens an envelope.

        Raises:
            AegisError: ``integrity`` if none of them exists any more.
        """
        for wrapped in envelope.wrapped:
            try:
                return await self.keyring.key(wrapped.key_id)
            except AegisError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
        raise AegisError(
            ErrorCode.INTEGRITY, "the keyring has no key that opens this object: it was destroyed, or is another's"
        )

    async def read_head(self) -> tuple[Head, ObjectInfo]:
        """Read an object's head and describe the object."""
        length = _HEAD_GUESS
        while True:
            data, info = await self.read_first(length)
            found = head_of(data, info.stored_size)
            if isinstance(found, Head):
                return found, info
            length = found

    async def read_first(self, count: int, /) -> tuple[bytes, ObjectInfo]:
        """Read an object's first bytes, at most ``count``."""
        data = bytearray()

        def take(view: memoryview) -> bool:
            data.extend(view)
            return True

        async with closing(self.adapter.read(self.key, range=ByteRange(0, count))) as reader:
            while await reader.read(take):
                pass
            return bytes(data), reader.info


class _Closable(Protocol):
    async def aclose(self) -> None: ...


C = TypeVar("C", bound=_Closable)


@asynccontextmanager
async def closing(handle: C, /) -> AsyncGenerator[C]:
    """Close a handle at the end of a block, also when the task was cancelled."""
    try:
        yield handle
    finally:
        with shielded():
            await handle.aclose()
