"""Checkpoints: a log's signed word on its size and root. C2SP tlog-checkpoint, signed with Ed25519 and ML-DSA-44."""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from aegis_core.audit.cosignature import ed25519_message, ml_dsa_44_message, pack_cosignature, unpack_cosignature
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.note import KeyType, Note, NoteSignature, VerifierKey, check_name, decode_base64
from aegis_core.audit.tree import HASH_SIZE
from aegis_core.kernel.errors import AegisError, ErrorCode

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_SIZE_OF_SEED: Final = 32


@attrs.frozen
class Verified:
    """A checkpoint whose signatures were checked, and the keys that had signed it."""

    checkpoint: SignedCheckpoint
    log_keys: tuple[VerifierKey, ...]
    witness_keys: tuple[VerifierKey, ...]


class CheckpointSigner:
    """Signs checkpoints of one log with the log's own keys.

    Arguments:
        origin: the log's name, and the name of its keys.
        ed25519: the private key, 32 bytes; what witnesses and older tools read.
        ml_dsa_44: the seed of the private key, 32 bytes; None signs with Ed25519 alone.

    Raises:
        AegisError: ``invalid_argument`` for a name that cannot stand in a note or a secret of another length.
    """

    __slots__ = ("_ed25519", "_ml_dsa_44", "origin", "verifier_keys")

    def __init__(self, origin: str, /, *, ed25519: bytes, ml_dsa_44: bytes | None = None) -> None:
        check_name(origin)
        if any(secret is not None and len(secret) != _SIZE_OF_SEED for secret in (ed25519, ml_dsa_44)):
            _refuse("a signing key is 32 bytes")
        self.origin = origin
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519)
        self._ml_dsa_44 = None if ml_dsa_44 is None else MLDSA44PrivateKey.from_seed_bytes(ml_dsa_44)
        keys = [VerifierKey(origin, KeyType.ED25519, self._ed25519.public_key().public_bytes_raw())]
        if self._ml_dsa_44 is not None:
            public = self._ml_dsa_44.public_key().public_bytes_raw()
            keys.append(VerifierKey(origin, KeyType.COSIGNATURE_ML_DSA_44, public))
        #: What a verifier needs, in the order of the signatures.
        self.verifier_keys: tuple[VerifierKey, ...] = tuple(keys)

    def __repr__(self) -> str:
        return f"CheckpointSigner({self.origin!r})"

    def sign(self, size: int, root: bytes, /, *, timestamp: int) -> SignedCheckpoint:
        """Sign a size and a root.

        Arguments:
            timestamp: POSIX seconds, which the ML-DSA-44 signature covers.
        """
        text = encode_checkpoint(self.origin, size, root)
        signatures = [self._ed25519.sign(text.encode())]
        if self._ml_dsa_44 is not None:
            message = ml_dsa_44_message(self.origin, timestamp, self.origin, size, root)
            signatures.append(pack_cosignature(timestamp, self._ml_dsa_44.sign(message)))
        lines = [
            NoteSignature(key.name, key.key_id, signature)
            for key, signature in zip(self.verifier_keys, signatures, strict=True)
        ]
        return SignedCheckpoint(self.origin, size, root, Note(text, tuple(lines)).encode())


def encode_checkpoint(origin: str, size: int, root: bytes, /) -> str:
    """The text that is signed: origin, size and root, each a line."""
    check_name(origin)
    if size < 0 or len(root) != HASH_SIZE:
        _refuse("a checkpoint has a size and a root of 32 bytes")
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def decode_checkpoint(note: str, /) -> SignedCheckpoint:
    """Read a checkpoint without checking who signed it; `open_checkpoint` does both.

    Raises:
        AegisError: ``invalid_argument``.
    """
    lines = Note.decode(note).text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or _DECIMAL.fullmatch(lines[1]) is None:  # further lines are extensions
        _refuse("a checkpoint is an origin, a size and a root, each a line")
    origin, size, root = lines[:3]
    octets = decode_base64(root)
    if len(octets) != HASH_SIZE:
        _refuse("the root of a checkpoint is 32 bytes")
    return SignedCheckpoint(origin, int(size), octets, note)


def open_checkpoint(
    note: str, keys: Iterable[VerifierKey], /, *, witnesses: Iterable[VerifierKey] = (), quorum: int = 0
) -> Verified:
    """Read a checkpoint and check who signed it.

    A signature by a key that the caller does not know is ignored, so that keys can be rotated and witnesses added; a
    bad one by a key that the caller does know rejects the whole.

    Arguments:
        keys: the log's keys, each named as the log; at least one must have signed.
        witnesses: cosigners that the caller trusts.
        quorum: how many witnesses, told apart by name, must have signed.

    Raises:
        AegisError: ``invalid_argument`` for what is not a checkpoint, ``integrity`` where signatures do not suffice.
    """
    checkpoint = decode_checkpoint(note)
    signed = Note.decode(note)
    log_keys = _signers(checkpoint, signed, [key for key in keys if key.name == checkpoint.origin])
    if not log_keys:
        _distrust("the checkpoint is not signed by a known key of the log that it names")
    witness_keys = _signers(checkpoint, signed, list(witnesses))
    if len({key.name for key in witness_keys}) < quorum:
        _distrust(f"fewer than {quorum} known witnesses have signed the checkpoint")
    return Verified(checkpoint, log_keys, witness_keys)


def _signers(checkpoint: SignedCheckpoint, note: Note, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[VerifierKey, None] = {}
    for each in note.signatures:
        key = known.get((each.name, each.key_id))
        if key is None:
            continue
        if not _has_signed(key, checkpoint, note.text, each.signature):
            _distrust("a known key's signature on the checkpoint is wrong")
        verified[key] = None
    return tuple(verified)


def _has_signed(key: VerifierKey, checkpoint: SignedCheckpoint, text: str, signature: bytes) -> bool:
    try:
        match key.type:
            case KeyType.ED25519:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
            case KeyType.COSIGNATURE_ED25519:
                timestamp, inner = unpack_cosignature(signature)
                Ed25519PublicKey.from_public_bytes(key.public).verify(inner, ed25519_message(text, timestamp))
            case KeyType.COSIGNATURE_ML_DSA_44:
                timestamp, inner = unpack_cosignature(signature)
                message = ml_dsa_44_message(key.name, timestamp, checkpoint.origin, checkpoint.size, checkpoint.root)
                MLDSA44PublicKey.from_public_bytes(key.public).verify(inner, message)
    except (InvalidSignature, AegisError, ValueError):
        return False
    return True


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.checkpoint") from None


def _distrust(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INTEGRITY, message, operation="audit.checkpoint") from None
