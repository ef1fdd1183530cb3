"""The keyring's documents: which keys a tenant has, wrapped; and one subject's key, wrapped. Values, no I/O.

A ring is the state document ``keyring/<tenant or _>``, a subject's key is ``subjects/<tenant or _>/<digest>``. Both are
JSON with a version. Key ids say where a key lies: ``k1`` is of the tenant-less ring, ``clinic-a/k1`` of that tenant's,
``s:<digest>.<serial>`` and ``clinic-a/s:<digest>.<serial>`` are subjects' keys.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal, NoReturn, cast

import attrs

from aegis_core.crypto.model import KeyPurpose, KeyState, RingKey
from aegis_core.crypto.port import WrappedKey
from aegis_core.kernel.errors import AegisError, ErrorCode

VERSION: Final = 1
RINGS: Final = "keyring/"
SUBJECTS: Final = "subjects/"
SECRET_SIZE: Final = 32

_NO_TENANT: Final = "_"
_TENANT: Final = re.compile(r"[A-Za-z0-9@=+_-][A-Za-z0-9@=+_.-]{0,127}")
_KEY_ID: Final = re.compile(r"(?:(?P<tenant>[^/]+)/)?(?:k[1-9][0-9]{0,8}|s:(?P<digest>[0-9a-f]{32})\.[0-9a-f]{16})")
_CHECK_DOMAIN: Final = b"aegis/keycheck/1"


@attrs.frozen
class Place:
    """Where a key id says that its key lies. ``digest`` is None for a key of the ring."""

    tenant: str
    digest: str | None


@attrs.frozen
class RingEntry:
    """One key of a ring, wrapped by the vault. ``check`` tells a key that the vault got wrong from the right one."""

    id: str
    purpose: KeyPurpose
    state: KeyState
    created: int  #: POSIX milliseconds
    wrapped: WrappedKey
    check: bytes = attrs.field(repr=False)


@attrs.frozen
class Ring:
    """All keys of one tenant, oldest first. At most one of each purpose is active."""

    tenant: str
    entries: tuple[RingEntry, ...] = ()

    def active(self, purpose: KeyPurpose, /) -> RingEntry | None:
        """The key that is used for new work."""
        return next((e for e in self.entries if e.purpose is purpose and e.state == "active"), None)

    def find(self, key_id: str, /) -> RingEntry | None:
        """The key with that id."""
        return next((entry for entry in self.entries if entry.id == key_id), None)

    def of(self, purpose: KeyPurpose, /) -> Sequence[RingEntry]:
        """Every key of that purpose that is not destroyed, newest first."""
        return [e for e in reversed(self.entries) if e.purpose is purpose and e.state != "destroyed"]

    def next_id(self) -> str:
        """An id that no key of this ring ever had: entries are never removed."""
        number = len(self.entries) + 1
        return f"{self.tenant}/k{number}" if self.tenant else f"k{number}"

    def with_active(self, entry: RingEntry, /) -> "Ring":
        """The ring with a new active key; the one of that purpose that was active still opens what it sealed."""
        kept = [
            attrs.evolve(e, state="decrypt-only") if e.purpose is entry.purpose and e.state == "active" else e
            for e in self.entries
        ]
        return attrs.evolve(self, entries=(*kept, entry))

    def encode(self) -> bytes:
        """The document's body."""
        keys = [
            {
                "id": entry.id,
                "purpose": entry.purpose.value,
                "state": entry.state,
                "created": entry.created,
                "vault_key": entry.wrapped.key_id,
                "wrapped": b64encode(entry.wrapped.blob).decode(),
                "check": entry.check.hex(),
            }
            for entry in self.entries
        ]
        return _dump({"version": VERSION, "tenant": self.tenant, "keys": keys})

    @classmethod
    def decode(cls, body: bytes, /, *, tenant: str) -> "Ring":
        """Read a document's body.

        Raises:
            AegisError: ``integrity`` if it is malformed or another tenant's.
        """
        document = _load(body, "keyring")
        try:
            if document["tenant"] != tenant:
                _refuse("the keyring document belongs to another tenant")
            entries = tuple(
                RingEntry(
                    id=_text(key["id"]),
                    purpose=KeyPurpose(key["purpose"]),
                    state=_state(key["state"]),
                    created=int(key["created"]),
                    wrapped=WrappedKey(_text(key["vault_key"]), b64decode(key["wrapped"], validate=True)),
                    check=bytes.fromhex(key["check"]),
                )
                for key in document["keys"]
            )
        except (KeyError, TypeError, ValueError):
            _refuse("the keyring document is malformed: restore it from a copy")
        return cls(tenant, entries)


@attrs.frozen
class SubjectEntry:
    """One subject's key, wrapped under the tenant's key ``wrap_key`` (nonce ‖ ciphertext ‖ tag)."""

    id: str
    created: int  #: POSIX milliseconds
    wrap_key: str
    blob: bytes = attrs.field(repr=False)

    def encode(self) -> bytes:
        """The document's body."""
        wrapped = b64encode(self.blob).decode()
        return _dump(
            {"version": VERSION, "id": self.id, "created": self.created, "wrap_key": self.wrap_key, "wrapped": wrapped}
        )

    @classmethod
    def decode(cls, body: bytes, /) -> "SubjectEntry":
        """Read a document's body.

        Raises:
            AegisError: ``integrity`` if it is malformed.
        """
        document = _load(body, "subject key")
        try:
            return cls(
                id=_text(document["id"]),
                created=int(document["created"]),
                wrap_key=_text(document["wrap_key"]),
                blob=b64decode(document["wrapped"], validate=True),
            )
        except (KeyError, TypeError, ValueError):
            _refuse("the subject key document is malformed: restore it from a copy")


def ring_name(tenant: str, /) -> str:
    """The document's name of a tenant's ring.

    Raises:
        AegisError: ``invalid_argument`` if the tenant's id cannot be part of a document's name.
    """
    return RINGS + _segment(tenant)


def subject_name(tenant: str, digest: str, /) -> str:
    """The document's name of a subject's key."""
    return f"{SUBJECTS}{_segment(tenant)}/{digest}"


def tenant_of(name: str, /) -> str:
    """The tenant whose ring has that document's name."""
    segment = name.removeprefix(RINGS)
    return "" if segment == _NO_TENANT else segment


def subject_key_id(tenant: str, digest: str, serial: bytes, /) -> str:
    """A subject key's id: the serial makes a key after shredding another key."""
    key_id = f"s:{digest}.{serial.hex()}"
    return f"{tenant}/{key_id}" if tenant else key_id


def place_of(key_id: str, /) -> Place | None:
    """Where the key with that id lies; None if that is no key id."""
    found = _KEY_ID.fullmatch(key_id)
    if found is None:
        return None
    tenant = found["tenant"] or ""
    return Place(tenant, found["digest"]) if not tenant or _is_tenant(tenant) else None


def vault_context(entry_id: str, purpose: KeyPurpose, tenant: str, /) -> Mapping[str, str]:
    """What a ring key is bound to in the vault."""
    return {"tenant": tenant or _NO_TENANT, "purpose": purpose.value, "key": entry_id}


def key_check(key: RingKey, /) -> bytes:
    """Sixteen bytes that fit one key and its id only, and tell nothing about its 256 random bits."""
    return blake2b(key.id.encode(), digest_size=16, key=key.secret, person=_CHECK_DOMAIN).digest()


def _is_tenant(tenant: str) -> bool:
    return tenant != _NO_TENANT and _TENANT.fullmatch(tenant) is not None


def _segment(tenant: str) -> str:
    if not tenant:
        return _NO_TENANT
    if not _is_tenant(tenant):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a tenant's id has 1 to 128 of the characters A-Z a-z 0-9 . _ - @ = +, does not start with a dot "
            "and is not a lone underscore",
        )
    return tenant


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("ascii")


def _load(body: bytes, what: str) -> dict[str, Any]:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        _refuse(f"the {what} document is malformed: restore it from a copy")
    document = cast("dict[str, Any]", value)
    if document.get("version") != VERSION:
        _refuse(f"the {what} document has an unknown version: a newer release wrote it")
    return document


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _state(value: object) -> KeyState:
    states: tuple[Literal["active"], Literal["decrypt-only"], Literal["destroyed"]]
    states = ("active", "decrypt-only", "destroyed")
    return states[states.index(cast("KeyState", value))]


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INTEGRITY, message, operation="keyring") from None
