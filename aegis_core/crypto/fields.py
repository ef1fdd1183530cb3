"""Short values sealed one by one, and tokens that find them again without opening them. No I/O."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag

from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.kernel.errors import AegisError, ErrorCode

NONCE_SIZE: Final = 12
TOKEN_SIZE: Final = 16

_VERSION: Final = b"\x01"
_TO_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")
_SHORTEST: Final = len(_VERSION) + NONCE_SIZE + 16
_SEALING: Final = frozenset({KeyPurpose.SUBJECT, KeyPurpose.WRAP})
_TOKEN_DOMAIN: Final = b"aegis/index/v1"
_SUBJECT_DOMAIN: Final = b"aegis/subject/v1"


def field_context(event_id: UUID, field: str, schema: str, /) -> bytes:
    """What a sealed field is bound to, so that it opens nowhere else: event, field name and the event's schema."""
    return event_id.bytes + b"\x00" + field.encode() + b"\x00" + schema.encode()


def seal_field(key: RingKey, plaintext: bytes, /, *, context: bytes, nonce: bytes) -> str:
    """Seal one value with AES-256-GCM.

    Arguments:
        key: a subject's key, or a tenant's of purpose ``wrap``.
        context: authenticated with it; see `field_context`.
        nonce: 12 random bytes. One key seals at most 2³² fields (NIST SP 800-38D §8.3).

    Returns:
        Unpadded base64url of version ‖ nonce ‖ ciphertext ‖ tag.
    """
    if len(nonce) != NONCE_SIZE or key.purpose not in _SEALING:
        del plaintext
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "a field is sealed under a subject's or a wrapping key, nonce 12 bytes"
        )
    sealed = _VERSION + nonce + key.cipher.encrypt(nonce, plaintext, context)
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def seal_fields(key: RingKey, fields: Sequence[tuple[bytes, bytes]], octets: Callable[[int], bytes], /) -> list[str]:
    """Seal several values under one key: what `seal_field` gives for each, at less cost.

    Arguments:
        fields: plaintext and context of each.
        octets: random bytes; asked once.
    """
    if key.purpose not in _SEALING:
        del fields
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "a field is sealed under a subject's or a wrapping key")
    encrypt = key.cipher.encrypt
    nonces = octets(NONCE_SIZE * len(fields))
    sealed: list[str] = []
    at = 0
    for plaintext, context in fields:
        nonce = nonces[at : at + NONCE_SIZE]
        at += NONCE_SIZE
        text = b2a_base64(_VERSION + nonce + encrypt(nonce, plaintext, context), newline=False)
        sealed.append(text.translate(_TO_URLSAFE).rstrip(b"=").decode())
    return sealed


def open_field(key: RingKey, sealed: str, /, *, context: bytes) -> bytes:
    """Open what `seal_field` gave, with the same key and context.

    Raises:
        AegisError: ``integrity`` for another key or context, or a changed text; alike for all.
    """
    try:
        octets = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
    except ValueError:
        octets = b""
    # base64 decoders forgive: only the one spelling that we write is read.
    spelling = urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
    if len(octets) < _SHORTEST or octets[:1] != _VERSION or spelling != sealed or key.purpose not in _SEALING:
        _refuse()
    try:
        return key.cipher.decrypt(octets[1 : 1 + NONCE_SIZE], octets[1 + NONCE_SIZE :], context)
    except InvalidTag:
        _refuse()


def index_token(key: RingKey, value: str, /, *, tenant: str = "") -> str:
    """Make the token that finds every record of one value: keyed BLAKE2b-128 (RFC 7693), hexadecimal.

    Equal values of one tenant give equal tokens, so whoever holds the ``index`` key may search for a value that they
    know; without the key a token tells nothing. After a rotation, search for the token under each index key.

    Arguments:
        key: of purpose ``index``.
        value: compared exactly: bring it into one spelling before.

    Returns:
        ``<key id>:<32 hexadecimal digits>``.
    """
    if key.purpose is not KeyPurpose.INDEX:
        del value  # a traceback shows locals
        _refuse_purpose()
    return f"{key.id}:{_keyed(key, tenant, value, _TOKEN_DOMAIN)}"


def subject_digest(key: RingKey, subject: str, /, *, tenant: str = "") -> str:
    """Name a subject's key document without naming the subject: keyed BLAKE2b-128, hexadecimal.

    Another domain than `index_token`, so the trail's tokens do not point at key documents.
    """
    if key.purpose is not KeyPurpose.INDEX:
        del subject  # a traceback shows locals
        _refuse_purpose()
    return _keyed(key, tenant, subject, _SUBJECT_DOMAIN)


def _keyed(key: RingKey, tenant: str, value: str, domain: bytes) -> str:
    octets = tenant.encode() + b"\x00" + value.encode("utf-8", "surrogatepass")
    return blake2b(octets, digest_size=TOKEN_SIZE, key=key.secret, person=domain).hexdigest()


def _refuse_purpose() -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, "a token is made with a key of purpose index")


def _refuse() -> NoReturn:
    raise AegisError(
        ErrorCode.INTEGRITY, "the sealed field does not open: changed, or sealed for another place"
    ) from None
