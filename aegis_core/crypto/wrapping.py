"""How a vault that holds its keys in this process wraps: AES-256-GCM, the context authenticated. No I/O."""

import json
from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegis_core.crypto.model import KeyMaterial
from aegis_core.kernel.errors import AegisError, ErrorCode

#: Bytes of the key that a vault wraps under.
VAULT_KEY_SIZE: Final = 32
SHORTEST_KEY: Final = 16
LONGEST_KEY: Final = 4096
NONCE_SIZE: Final = 12

_VERSION: Final = b"\x01"
_DOMAIN: Final = b"aegis/vault/v1\x00"
_TAG_SIZE: Final = 16


def check_wrappable(key: KeyMaterial, /, *, adapter: str) -> None:
    """Raise unless the key has a length that a vault must wrap.

    Raises:
        AegisError: ``invalid_argument``.
    """
    if not SHORTEST_KEY <= len(key.octets) <= LONGEST_KEY:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            f"a vault wraps {SHORTEST_KEY} to {LONGEST_KEY} bytes",
            operation="vault.wrap",
            adapter=adapter,
        )


def context_octets(context: Mapping[str, str], /, *, adapter: str) -> bytes:
    """The one spelling of a context, as it is authenticated: canonical JSON in ASCII.

    Raises:
        AegisError: ``invalid_argument`` if a name or value is not ASCII text.
    """
    # The messages of the checks below must not repeat what was wrong: it may be what must not be in a context.
    parts: list[object] = [part for item in context.items() for part in item]
    if not all(isinstance(part, str) and part.isascii() for part in parts):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a vault's context is ASCII text only: services write it to their logs, so it holds no name or number of a "
            "patient",
            operation="vault",
            adapter=adapter,
        )
    return json.dumps(dict(context), separators=(",", ":"), sort_keys=True).encode("ascii")


def wrap_under(vault_key: KeyMaterial, key: KeyMaterial, /, *, key_id: str, context: bytes, nonce: bytes) -> bytes:
    """Wrap a key: version ‖ nonce ‖ ciphertext ‖ tag, with the vault key's id and the context authenticated.

    Arguments:
        key_id: the id of ``vault_key``.
        context: as `context_octets` gives it.
        nonce: 12 random bytes.
    """
    bound = _DOMAIN + key_id.encode() + b"\x00" + context
    return _VERSION + nonce + AESGCM(vault_key.octets).encrypt(nonce, key.octets, bound)


def unwrap_under(vault_key: KeyMaterial, blob: bytes, /, *, key_id: str, context: bytes, adapter: str) -> KeyMaterial:
    """Open what `wrap_under` gave.

    Raises:
        AegisError: ``integrity``, with one text for another key, another context and a changed blob.
    """
    start = len(_VERSION) + NONCE_SIZE
    if blob[:1] != _VERSION or len(blob) < start + _TAG_SIZE:
        refuse_blob(adapter)
    bound = _DOMAIN + key_id.encode("utf-8", "surrogatepass") + b"\x00" + context
    try:
        return KeyMaterial(AESGCM(vault_key.octets).decrypt(blob[1:start], blob[start:], bound))
    except InvalidTag:
        refuse_blob(adapter)


def refuse_blob(adapter: str, /) -> NoReturn:
    """Raise ``integrity``, in the words that stand for every reason alike."""
    raise AegisError(
        ErrorCode.INTEGRITY,
        "the wrapped key does not open: wrapped by another key, for another context, or changed",
        operation="vault.unwrap",
        adapter=adapter,
    ) from None


def refuse_missing(adapter: str, /, *, operation: str = "vault.unwrap") -> NoReturn:
    """Raise ``not_found`` for a key that the vault does not have, or no more."""
    raise AegisError(
        ErrorCode.NOT_FOUND,
        "the vault has no such key, or it was destroyed",
        operation=operation,
        adapter=adapter,
    ) from None


def refuse_active(adapter: str, /) -> NoReturn:
    """Raise ``precondition_failed`` where the active key is to be destroyed."""
    raise AegisError(
        ErrorCode.PRECONDITION_FAILED,
        "the active key cannot be destroyed: rotate first, and rewrap what it wrapped",
        operation="vault.destroy",
        adapter=adapter,
    )
