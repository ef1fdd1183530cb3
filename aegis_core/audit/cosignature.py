"""What a cosigner signs: C2SP tlog-cosignature. Messages and the packing of time and signature; no keys here."""

from typing import Final, NoReturn

from aegis_core.kernel.errors import AegisError, ErrorCode

_SIZE_OF_TIME: Final = 8


def ed25519_message(text: str, timestamp: int, /) -> bytes:
    """What a cosigner's Ed25519 key signs.

    Arguments:
        text: the checkpoint's note text, its final newline included.
        timestamp: POSIX seconds.
    """
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def ml_dsa_44_message(name: str, timestamp: int, origin: str, size: int, root: bytes, /, *, start: int = 0) -> bytes:
    """What a cosigner's ML-DSA-44 key signs.

    Arguments:
        name: the cosigner's key name, at most 255 bytes.
        timestamp: POSIX seconds.
        origin: the log's, at most 255 bytes.
        size: the tree's, and the end of the subtree that is signed.
        root: 32 bytes.
        start: 0 for a whole checkpoint.

    Raises:
        AegisError: ``invalid_argument`` for a name or an origin that is too long.
    """
    parts = [b"subtree/v1\n\0", _counted(name), timestamp.to_bytes(8), _counted(origin)]
    parts += [start.to_bytes(8), size.to_bytes(8), root]
    return b"".join(parts)


def pack_cosignature(timestamp: int, signature: bytes, /) -> bytes:
    """Put the time in front of a signature."""
    return timestamp.to_bytes(_SIZE_OF_TIME) + signature


def unpack_cosignature(packed: bytes, /) -> tuple[int, bytes]:
    """Take time (POSIX seconds) and signature apart.

    Raises:
        AegisError: ``invalid_argument`` for what is too short.
    """
    if len(packed) <= _SIZE_OF_TIME:
        _refuse("a cosignature has no signature")
    return int.from_bytes(packed[:_SIZE_OF_TIME]), packed[_SIZE_OF_TIME:]


def _counted(text: str) -> bytes:
    octets = text.encode()
    if len(octets) > 255:
        _refuse("a name in a cosignature is at most 255 bytes")
    return bytes([len(octets)]) + octets


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.cosignature") from None
