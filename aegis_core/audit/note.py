"""Signed notes and the keys that verify them: C2SP signed-note."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from enum import IntEnum
from hashlib import sha256
from typing import Final, NoReturn

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode

MOST_SIGNATURES: Final = 100
LARGEST_NOTE: Final = 1_000_000

_DASH: Final = "— "
_SIZE_OF_ID: Final = 4
_VKEY: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)")


class KeyType(IntEnum):
    """The first byte of a verifier key: what it signs and how."""

    ED25519 = 0x01  #: Ed25519 over the note's text
    COSIGNATURE_ED25519 = 0x04  #: a time, and Ed25519 over it and the text
    COSIGNATURE_ML_DSA_44 = 0x06  #: a time, and ML-DSA-44 over it and what the checkpoint says


PUBLIC_KEY_SIZES: Final = {
    KeyType.ED25519: 32,
    KeyType.COSIGNATURE_ED25519: 32,
    KeyType.COSIGNATURE_ML_DSA_44: 1_312,
}


@attrs.frozen
class NoteSignature:
    """One signature line: who says to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes = attrs.field(repr=False)


@attrs.frozen
class Note:
    """Text that ends in a newline, and signatures over it, none of them checked."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> str:
        """The note as it lies in a file."""
        lines = (f"{_DASH}{each.name} {b64encode(each.key_id + each.signature).decode()}\n" for each in self.signatures)
        return f"{self.text}\n{''.join(lines)}"

    @classmethod
    def decode(cls, note: str, /) -> "Note":
        """Read a note.

        Raises:
            AegisError: ``invalid_argument`` for anything that is not a signed note.
        """
        if len(note) > LARGEST_NOTE or any(character < " " and character != "\n" for character in note):
            _refuse("a note is text without control characters, of at most a million characters")
        text, gap, tail = note.rpartition("\n\n")
        if not gap or not tail.endswith("\n"):
            _refuse("a note is text, an empty line, and signatures, each a line")
        lines = tail[:-1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            _refuse(f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(_decode_signature, lines)))


@attrs.frozen
class VerifierKey:
    """A public key that a note can be checked with, and the name it goes by.

    Arguments:
        name: the signer; for a log's own key its origin.
        type: what it signs and how.
        public: 32 bytes, or 1,312 for ML-DSA-44.
    """

    name: str
    type: KeyType
    public: bytes = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != PUBLIC_KEY_SIZES[self.type]:
            _refuse("a verifier key has another length than its type demands")
        if self.type is not KeyType.COSIGNATURE_ML_DSA_44 and not is_strong_ed25519(self.public):
            _refuse("a verifier key is no point of the curve, or one of small order that would verify anything")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name ‖ newline ‖ type ‖ public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:_SIZE_OF_ID]

    def encode(self) -> str:
        """The text form, ``name+hex(key id)+base64(type ‖ public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.type]) + self.public).decode()}"

    @classmethod
    def decode(cls, text: str, /) -> "VerifierKey":
        """Read the text form.

        Raises:
            AegisError: ``invalid_argument`` for another form, a wrong key id, ``unsupported`` for an unknown type.
        """
        match = _VKEY.fullmatch(text)
        if match is None:
            _refuse("a verifier key is spelled name+id+key")
        name, identity, packed = match.groups()
        octets = decode_base64(packed)
        if not octets or octets[0] not in PUBLIC_KEY_SIZES:
            raise AegisError(
                ErrorCode.UNSUPPORTED, "this verifier key is of a type that is not known here", operation="audit.note"
            )
        key = cls(name, KeyType(octets[0]), octets[1:])
        if key.key_id.hex() != identity:
            _refuse("a verifier key does not fit the id that it is spelled with")
        return key


def check_name(name: str, /) -> None:
    """Raise ``invalid_argument`` unless a name may stand in a note: no white space, no ``+``, no control characters."""
    if not name or "+" in name or not name.isprintable() or any(character.isspace() for character in name):
        _refuse("the name of a signer has no white space and no +")


def decode_base64(text: str, /) -> bytes:
    """Read base64 in its one spelling.

    Raises:
        AegisError: ``invalid_argument``.
    """
    try:
        octets = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        _refuse("this is not base64")
    if b64encode(octets).decode() != text:
        _refuse("this base64 is not spelled as encoders spell it")
    return octets


def _decode_signature(line: str) -> NoteSignature:
    name, space, packed = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        _refuse("a signature line is a dash, a name and base64")
    check_name(name)
    octets = decode_base64(packed)
    if len(octets) <= _SIZE_OF_ID:
        _refuse("a signature line has no signature")
    return NoteSignature(name, octets[:_SIZE_OF_ID], octets[_SIZE_OF_ID:])


_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P


def is_strong_ed25519(public: bytes, /) -> bool:
    """Whether a public key is a canonically spelled point of Ed25519 whose order is not small.

    Libraries accept the eight points of small order, under which one signature verifies many messages (RFC 8032
    leaves the check to the caller).
    """
    spelled = int.from_bytes(public, "little")
    sign, y = spelled >> 255, spelled & (2**255 - 1)
    if y >= _P:
        return False
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
        if x * x % _P != square:
            return False
    if x == 0 and sign:
        return False
    if x & 1 != sign:
        x = _P - x
    for _ in range(3):  # eight times the point
        product = _D * x * x * y * y % _P
        x, y = (
            2 * x * y * pow(1 + product, -1, _P) % _P,
            (y * y + x * x) * pow(1 - product, -1, _P) % _P,
        )
    return (x, y) != (0, 1)


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.note") from None
