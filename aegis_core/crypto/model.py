"""Values of the keyring."""

from enum import StrEnum
from typing import Literal

import attrs


class KeyPurpose(StrEnum):
    """What a key of the ring is for. A key serves one purpose only."""

    WRAP = "wrap"
    SIGN_ED25519 = "sign-ed25519"
    SIGN_ML_DSA_44 = "sign-ml-dsa-44"
    PSEUDONYM = "pseudonym"
    INDEX = "index"
    SUBJECT = "subject"


KeyState = Literal["active", "decrypt-only", "destroyed"]


@attrs.frozen
class RingKey:
    """One unwrapped key. ``secret`` is 32 random bytes: an AES-256 key, a MAC key, or the seed of a signing key."""

    id: str
    purpose: KeyPurpose
    state: KeyState
    secret: bytes = attrs.field(repr=False)
