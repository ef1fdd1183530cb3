"""Stored events with their sealed fields opened, for those who may read them."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from aegis_core.audit.canonical import decode
from aegis_core.audit.draft import subject_context
from aegis_core.audit.entry import decode_entry
from aegis_core.audit.model import StoredEvent
from aegis_core.audit.sealing import TrailKeys
from aegis_core.crypto.fields import field_context, open_field
from aegis_core.crypto.model import RingKey
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI, DataClass

#: Stands where a value was whose key is destroyed.
SHREDDED: Final = "[shredded]"


@attrs.frozen(kw_only=True)
class OpenedEvent(StoredEvent):
    """An event of the trail with its classified fields.

    Arguments:
        opened: the sealed fields by name, each a `Classified`, or ``"[shredded]"`` where the key is destroyed.
        whom: the subject, likewise; None where the event has none.
    """

    opened: Mapping[str, Classified[object] | str] = attrs.field(factory=dict[str, "Classified[object] | str"])
    whom: Classified[str] | str | None = None


class Opener:
    """Opens sealed fields with the ring's keys."""

    def __init__(self, keyring: TrailKeys, /) -> None:
        self._keyring = keyring

    async def open(self, body: bytes, index: int, /, *, tokens: Sequence[str] | None = None) -> OpenedEvent | None:
        """Read one entry.

        Arguments:
            tokens: those of a subject; an entry with none of them is None.

        Raises:
            AegisError: ``integrity`` for a field that does not open with its own key.
        """
        stored = await read_stored(body, index, tokens=tokens)
        if stored is None:
            return None
        subject = stored.subject
        opened: dict[str, Classified[object] | str] = {}
        for name, field in stored.sealed.items():
            context = field_context(stored.event_id, name, stored.action)
            plain = await self._open(field.key, field.box, context)
            opened[name] = SHREDDED if plain is None else Classified(decode(plain), _class(field.data_class))
        whom: Classified[str] | str | None = None
        if subject is not None:
            plain = await self._open(subject.key, subject.box, subject_context(subject.token))
            whom = SHREDDED if plain is None else Classified(plain.decode(), PHI.MRN)
        values = {each.name: getattr(stored, each.name) for each in attrs.fields(StoredEvent)}
        return OpenedEvent(**values, opened=opened, whom=whom)

    async def _open(self, key_id: str, box: str, context: bytes) -> bytes | None:
        key: RingKey | None = self._keyring.cached(key_id)
        if key is None:
            try:
                key = await self._keyring.key(key_id)
            except AegisError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
                return None
        return open_field(key, box, context=context)


async def read_stored(body: bytes, index: int, /, *, tokens: Sequence[str] | None = None) -> StoredEvent | None:
    """Read one entry and open nothing: no key is asked for.

    Arguments:
        tokens: those of a subject; an entry with none of them is None.
    """
    if tokens is not None and not any(token.encode() in body for token in tokens):
        return None
    stored = decode_entry(body, index=index)
    if tokens is not None and (stored.subject is None or stored.subject.token not in tokens):
        return None
    return stored


def same_id(body: bytes, event_id: UUID, /) -> bool:
    """Whether an entry's body names the id that the primary keeps it under."""
    return f'"id":"{event_id}"'.encode() in body


def _class(text: str) -> DataClass:
    taxonomy, _, name = text.partition(".")
    return DataClass(taxonomy, name)
