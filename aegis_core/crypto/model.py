"""Values of the keyring."""

from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Literal

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegis_core.kernel.recorder import AuditEvent


class KeyPurpose(StrEnum):
    """What a key of the ring is for. A key serves one purpose only."""

    WRAP = "wrap"
    SIGN_ED25519 = "sign-ed25519"
    SIGN_ML_DSA_44 = "sign-ml-dsa-44"
    PSEUDONYM = "pseudonym"
    INDEX = "index"
    SUBJECT = "subject"


KeyState = Literal["active", "decrypt-only", "destroyed"]


@attrs.frozen(eq=False)
class KeyMaterial:
    """Octets of a key on their way through our own frames: a traceback that shows locals shows none of them."""

    octets: bytes = attrs.field(repr=False)


@attrs.frozen
class RingKey:
    """One unwrapped key. ``secret`` is 32 random bytes: an AES-256 key, a MAC key, or the seed of a signing key."""

    id: str
    purpose: KeyPurpose
    state: KeyState
    secret: bytes = attrs.field(repr=False)

    @cached_property
    def cipher(self) -> AESGCM:
        """AES-256-GCM under the secret, made once: making it costs more than sealing a short field."""
        return AESGCM(self.secret)


@attrs.frozen(kw_only=True)
class SubjectShredded(AuditEvent):
    """A subject's key is about to be destroyed. ``reason`` is the caller's and holds nothing classified."""

    action: ClassVar[str] = "keys.subject_shredded"

    reason: str
    keys: tuple[str, ...]
