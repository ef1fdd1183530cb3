"""Under which key an event's classified fields are sealed, and how its subject is named."""

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

import attrs

from aegis_core.audit.draft import subject_context
from aegis_core.crypto.fields import NONCE_SIZE, index_token, seal_field
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.kernel.context import Context
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.state import StateStore
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose

#: Subjects whose names and tokens are remembered; no key is.
_MOST_SUBJECTS: Final = 4096


class TrailKeys(Protocol):
    """What the trail needs of a keyring."""

    @property
    def state(self) -> StateStore: ...

    def cached(self, key_id: str, /) -> RingKey | None:
        """A key that is unwrapped already and still valid; None: ask again."""
        ...

    async def active(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey: ...

    async def every(self, purpose: KeyPurpose, /, *, tenant: str = "") -> Sequence[RingKey]: ...

    async def key(self, key_id: str, /) -> RingKey: ...

    async def subject_key(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey: ...


#: The key for one event's fields, and the text of its member ``subject``, empty where it has no subject.
Seal: TypeAlias = tuple[RingKey, str]


@attrs.frozen
class _Known:
    key_id: str
    subject: str = attrs.field(repr=False)


_Whom: TypeAlias = tuple[str, Classified[str] | None]


class Seals:
    """Finds the key of a context: its subject's, or its tenant's where it has none.

    Holds no key: what it remembers is the key's id, and the keyring is asked for it each time, so that a shredded key
    is gone from here as well.
    """

    def __init__(self, keyring: TrailKeys, entropy: Entropy, /) -> None:
        self._keyring = keyring
        self._octets = entropy.octets
        self._known: dict[_Whom, _Known] = {}

    def at_hand(self, context: Context, /) -> Seal | None:
        """The seal of a context if the keyring has its key at hand; else None: use `fetch`."""
        known = self._known.get((context.tenant or "", context.subject))
        if known is None:
            return None
        key = self._keyring.cached(known.key_id)
        if key is None or key.state != "active":
            return None
        return key, known.subject

    async def fetch(self, context: Context, /) -> Seal:
        """Ask the keyring, which may ask its vault; makes a subject's key where there is none yet."""
        tenant, subject = context.tenant or "", context.subject
        whom: _Whom = (tenant, subject)
        if len(self._known) >= _MOST_SUBJECTS:
            self._known.clear()
        if subject is None:
            key = await self._keyring.active(KeyPurpose.WRAP, tenant=tenant)
            self._known[whom] = _Known(key.id, "")
            return key, ""
        key = await self._keyring.subject_key(subject, tenant=tenant)
        index = await self._keyring.active(KeyPurpose.INDEX, tenant=tenant)
        text = _reveal(subject, context)
        token = index_token(index, text, tenant=tenant)
        box = seal_field(key, text.encode(), context=subject_context(token), nonce=self._octets(NONCE_SIZE))
        # All three are ASCII without quotes, so this is their canonical spelling.
        spelled = f',"subject":{{"key":"{key.id}","sealed":"{box}","token":"{token}"}}'
        self._known[whom] = _Known(key.id, spelled)
        return key, spelled

    async def tokens(self, subject: Classified[str], /, *, tenant: str) -> tuple[str, ...]:
        """The tokens under which events of a subject may be found, one an index key that there ever was."""
        keys = await self._keyring.every(KeyPurpose.INDEX, tenant=tenant)
        return tuple(index_token(key, subject.reveal(Purpose.COMPLIANCE), tenant=tenant) for key in keys)


def _reveal(subject: Classified[str], context: Context) -> str:
    text: object = subject.reveal(context.purpose or Purpose.OPERATIONS)
    if not isinstance(text, str):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "the subject of a context is text", operation="audit.record")
    return text
