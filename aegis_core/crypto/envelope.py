r"""What stands in front of a sealed object: its id, and its data key wrapped under a tenant's key. No I/O.

Layout: ``AEGIS\0 ‖ version ‖ suite ‖ length (uint16, big-endian) ‖ canonical JSON ‖ sealed stream``. The object's
storage key is associated data of the wrapped data key, so an object that was copied to another key does not open there;
a move wraps the data key anew and leaves the sealed stream as it is.
"""

import json
import struct
from base64 import b64decode, b64encode
from typing import Final, NoReturn, cast
from uuid import UUID

import attrs
from cryptography.exceptions import InvalidTag

from aegis_core.crypto.model import KeyMaterial, KeyPurpose, RingKey
from aegis_core.crypto.stream import KEY_SIZE, TAG_SIZE, Buffer
from aegis_core.kernel.errors import AegisError, ErrorCode

VERSION: Final = 1
#: Data key wrapped by AES-256-GCM, stream sealed as C2SP chunked-encryption v1.
SUITE: Final = 1
NONCE_SIZE: Final = 12
#: Bytes that say how long the envelope is.
PREFIX_SIZE: Final = 10
#: The longest envelope, in bytes. One of ours has about 200.
LARGEST: Final = PREFIX_SIZE + 0xFFFF

_MAGIC: Final = b"AEGIS\x00"
_PREFIX: Final = struct.Struct(">6sBBH")
_DOMAIN: Final = b"aegis/object/v1\x00"
_WRAPPED_SIZE: Final = NONCE_SIZE + KEY_SIZE + TAG_SIZE
_LONGEST_KEY_ID: Final = 256


@attrs.frozen
class WrappedDataKey:
    """A data key wrapped under one key of the ring: 12 bytes of nonce, 32 of ciphertext, 16 of tag."""

    key_id: str
    blob: bytes = attrs.field(repr=False)


@attrs.frozen
class Envelope:
    """The envelope of one object. ``wrapped`` holds the data key once for every ring key that may open it."""

    object_id: UUID
    wrapped: tuple[WrappedDataKey, ...]

    @classmethod
    def make(cls, data_key: bytes, under: RingKey, /, *, object_id: UUID, key: str, nonce: bytes) -> "Envelope":
        """Wrap a data key.

        Arguments:
            data_key: the 32 bytes that the stream is sealed with, of this object alone.
            under: the tenant's key, of purpose ``wrap``.
            key: the object's storage key.
            nonce: 12 random bytes.
        """
        material = KeyMaterial(data_key)
        del data_key  # a traceback shows locals
        return cls(object_id, (WrappedDataKey(under.id, _wrap(material, under, key=key, nonce=nonce)),))

    def unwrap(self, under: RingKey, /, *, key: str) -> bytes:
        """Give the data key back.

        Raises:
            AegisError: ``integrity`` if the envelope was made for another storage key or ring key, or was changed.
        """
        blob = next((each.blob for each in self.wrapped if each.key_id == under.id), None)
        if blob is None or under.purpose is not KeyPurpose.WRAP:
            _refuse("the object's data key is not wrapped under this key")
        try:
            return under.cipher.decrypt(blob[:NONCE_SIZE], blob[NONCE_SIZE:], _DOMAIN + key.encode())
        except InvalidTag:
            _refuse("the object's data key does not open here: the envelope was changed or belongs to another object")

    def moved(self, under: RingKey, /, *, key: str, to: RingKey, new_key: str, nonce: bytes) -> "Envelope":
        """Make the envelope for the same sealed stream under another storage key.

        Arguments:
            under: the ring key that opens this envelope.
            key: the storage key as it is.
            to: the ring key that wraps from now on.
            new_key: the storage key as it will be.
            nonce: 12 random bytes.

        Raises:
            AegisError: as `unwrap`.
        """
        return Envelope.make(self.unwrap(under, key=key), to, object_id=self.object_id, key=new_key, nonce=nonce)

    def context(self, tenant: str, /) -> bytes:
        """What the sealed stream is bound to: the tenant and the object's id."""
        return stream_context(tenant, self.object_id)

    def encode(self) -> bytes:
        """The envelope's bytes: canonical, so one envelope has one spelling."""
        keys = [{"id": each.key_id, "key": b64encode(each.blob).decode()} for each in self.wrapped]
        text = json.dumps({"keys": keys, "object": self.object_id.hex}, separators=(",", ":"), sort_keys=True)
        body = text.encode("ascii")
        if len(body) > LARGEST - PREFIX_SIZE:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the envelope is too long: wrap the data key under fewer keys")
        return _PREFIX.pack(_MAGIC, VERSION, SUITE, len(body)) + body

    @staticmethod
    def size_of(prefix: Buffer, /) -> int:
        """Bytes of the whole envelope, from its first 10.

        Raises:
            AegisError: ``integrity`` if these are not the first bytes of an envelope that this release reads.
        """
        if len(prefix) < PREFIX_SIZE:
            _refuse("the object is shorter than an envelope")
        magic, version, suite, length = cast("tuple[bytes, int, int, int]", _PREFIX.unpack(prefix[:PREFIX_SIZE]))
        if magic != _MAGIC:
            _refuse("the object does not start with an envelope: it was changed, or not stored by this house")
        if version != VERSION or suite != SUITE:
            _refuse("the envelope's version or suite is unknown: it was changed, or a newer release wrote it")
        return PREFIX_SIZE + length

    @staticmethod
    def decode(data: Buffer, /) -> "tuple[Envelope, int]":
        """Read the envelope at the start of an object, and say where the sealed stream begins.

        Raises:
            AegisError: ``integrity`` for anything that `encode` would not have written.
        """
        size = Envelope.size_of(data)
        encoded = bytes(data[:size])
        if len(encoded) < size:
            _refuse("the object ends inside its envelope")
        envelope = _parse(encoded[PREFIX_SIZE:])
        if envelope is None or envelope.encode() != encoded:
            _refuse("the object's envelope is malformed")
        return envelope, size


def stream_context(tenant: str, object_id: UUID, /) -> bytes:
    """What a sealed object's stream is bound to: tenant in UTF-8, a zero byte, the 16 bytes of the object's id."""
    return tenant.encode() + b"\x00" + object_id.bytes


def _wrap(data_key: KeyMaterial, under: RingKey, *, key: str, nonce: bytes) -> bytes:
    fits = len(data_key.octets) == KEY_SIZE and len(nonce) == NONCE_SIZE and under.purpose is KeyPurpose.WRAP
    if not fits:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "a data key has 32 bytes, its nonce 12, and a ring key of purpose wrap wraps it"
        )
    return nonce + under.cipher.encrypt(nonce, data_key.octets, _DOMAIN + key.encode())


def _parse(body: bytes) -> Envelope | None:
    try:
        value: object = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    match value:
        case {"keys": list(keys), "object": str(object_id)} if keys and len(object_id) == 32:
            wrapped = [_parse_key(each) for each in cast("list[object]", keys)]
        case _:
            return None
    try:
        return Envelope(UUID(hex=object_id), tuple(each for each in wrapped if each is not None))
    except ValueError:
        return None


def _parse_key(value: object) -> WrappedDataKey | None:
    match value:
        case {"id": str(key_id), "key": str(text)} if 0 < len(key_id) <= _LONGEST_KEY_ID and key_id.isascii():
            try:
                blob = b64decode(text, validate=True)
            except ValueError:
                return None
            return WrappedDataKey(key_id, blob) if len(blob) == _WRAPPED_SIZE else None
        case _:
            return None


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INTEGRITY, message) from None
