"""The fast way to spell an event as an entry: the very bytes of `entry.encode_entry`, without building its values.

Every member's place is known beforehand, so the text is laid together in canonical order (RFC 8785).
"""

import json.encoder
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Final, cast
from uuid import UUID

from aegis_core.audit.canonical import LARGEST_INTEGER, encode
from aegis_core.audit.draft import Draft
from aegis_core.audit.entry import spell_time
from aegis_core.audit.plan import EventPlan
from aegis_core.audit.port import LARGEST_ENTRY
from aegis_core.audit.sealing import Seal
from aegis_core.crypto.fields import NONCE_SIZE, field_context, seal_field
from aegis_core.kernel.context import Context, Principal
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose

#: A text as a JSON string with the escapes of RFC 8785 §3.2.2.2: minimal, lower case.
_quote: Final = cast("Callable[[str], str]", json.encoder.encode_basestring)


def spell_draft(draft: Draft, plan: EventPlan, seal: Seal | None, octets: Callable[[int], bytes], /) -> bytes:
    """Spell one event as the body of an entry.

    Arguments:
        seal: what `Seals` gave; None only where nothing has to be sealed.
        octets: random bytes, for nonces.

    Raises:
        AegisError: ``invalid_argument`` for a value that canonical JSON does not have, or an entry over 60,000 bytes.
    """
    event, context = draft.event, draft.context
    event_id = event.event_id
    sealed = [(name, class_, getattr(event, name)) for name, class_ in plan.sealed]
    data: list[str] = []
    for name in plan.plain:
        value = getattr(event, name)
        if type(value) is str:
            data.append(f'"{name}":{_quote(value)}')
        elif isinstance(value, Classified):
            sealed.append((name, str(value.data_class), value))
        else:
            data.append(f'"{name}":{_spell(value, name)}')
    boxes = ""
    if sealed:
        if seal is None:
            raise AegisError(ErrorCode.INTERNAL, "an event with classified fields came without a key")
        if len(sealed) > len(plan.sealed):
            sealed.sort()
        spelled = ",".join(_boxes(sealed, event_id, plan.action, seal, octets))
        boxes = f',"sealed":{{{spelled}}}'
    spelled_data = ",".join(data)
    fields = f',"data":{{{spelled_data}}}' if data else ""
    who, verified_by, roles = ("", "", "") if context.principal is None else _principal(context.principal)
    tenant = context.tenant
    text = (
        f'{{"action":"{plan.action}"'
        f"{_member('correlation', context.correlation_id)}"
        f'{fields},"id":"{_spell_id(event_id)}"'
        f"{_member('op', context.operation or None)}"
        f',"outcome":"{event.outcome}"'
        f"{'' if context.purpose is None else _purpose(context.purpose)}"
        f"{_member('request', context.request_id)}"
        f"{roles}{boxes}{'' if seal is None else seal.subject}"
        f',"t":"{spell_time(draft.time_ns)}"'
        f"{'' if tenant is None else _member('tenant', tenant)}"
        f"{_member('trace', context.trace_id)}"
        f',"v":1{verified_by}{who}}}'
    )
    try:
        body = text.encode()
    except UnicodeEncodeError:
        # The error holds the text.
        raise _refused("the event holds text with a lone surrogate, which UTF-8 cannot hold") from None
    if len(body) > LARGEST_ENTRY:
        raise _refused(
            f"the event takes {len(body)} bytes, an entry has at most {LARGEST_ENTRY}: store the body and record its digest"
        )
    return body


def needs_seal(plan: EventPlan, draft: Draft, /) -> bool:
    """Whether an event has something to seal: a subject, a marked field, or a loose `Classified`."""
    return (
        bool(plan.sealed)
        or draft.context.subject is not None
        or any(isinstance(getattr(draft.event, name), Classified) for name in plan.plain)
    )


def _boxes(
    sealed: list[tuple[str, str, object]], event_id: UUID, action: str, seal: Seal, octets: Callable[[int], bytes]
) -> list[str]:
    key = seal.key
    nonces = octets(NONCE_SIZE * len(sealed))
    boxes: list[str] = []
    at = 0
    for name, class_, value in sealed:
        if type(value) is str:
            text = _quote(value)
        else:
            revealed = value.reveal(Purpose.OPERATIONS) if isinstance(value, Classified) else value
            text = _spell(revealed, name)
        try:
            plaintext = text.encode()
        except UnicodeEncodeError:
            raise _refused(f"the field {name!r} holds a lone surrogate, which UTF-8 cannot hold") from None
        box = seal_field(
            key, plaintext, context=field_context(event_id, name, action), nonce=nonces[at : at + NONCE_SIZE]
        )
        at += NONCE_SIZE
        boxes.append(f'"{name}":{{"box":"{box}","class":"{class_}","key":"{key.id}"}}')
    return boxes


def _spell(value: object, name: str) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int and -LARGEST_INTEGER <= cast("int", value) <= LARGEST_INTEGER:
        return str(value)
    try:
        return encode(_plain(value)).decode()
    except AegisError as error:
        raise _refused(f"the field {name!r}: {error.message}") from None


def _plain(value: object) -> object:
    """Values that have one obvious spelling as text are spelled so; anything else is left for `encode` to refuse."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (str, UUID, Decimal)):
        return str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(_plain(member)) for member in value)
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    return value


def _member(name: str, value: str | None) -> str:
    return "" if value is None else f',"{name}":{_quote(value)}'


def _spell_id(event_id: UUID) -> str:
    text = event_id.hex
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=1024)
def _principal(principal: Principal) -> tuple[str, str, str]:
    roles = ",".join(map(_quote, sorted(principal.roles)))
    return (
        _member("who", principal.id),
        _member("verified_by", principal.verified_by),
        f',"roles":[{roles}]' if roles else "",
    )


@lru_cache(maxsize=64)
def _purpose(purpose: Purpose) -> str:
    return _member("purpose", str(purpose))


def _refused(message: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.record")
