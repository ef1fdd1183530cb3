"""The fast way to spell an event as an entry: the very bytes of `entry.encode_entry`, without building its values.

Every member's place is known beforehand, so the text is laid together in canonical order (RFC 8785).
"""

import json.encoder
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Final, cast
from uuid import UUID

from aegis_core.audit.canonical import LARGEST_INTEGER, encode
from aegis_core.audit.draft import Draft
from aegis_core.audit.entry import spell_time
from aegis_core.audit.plan import EventPlan, SealedField
from aegis_core.audit.port import LARGEST_ENTRY
from aegis_core.audit.sealing import Seal
from aegis_core.crypto.fields import seal_fields
from aegis_core.crypto.model import RingKey
from aegis_core.kernel.context import Context, Principal
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose

#: A text as a JSON string with the escapes of RFC 8785 §3.2.2.2: minimal, lower case.
_quote: Final[Callable[[str], str]] = json.encoder.encode_basestring


def spell_draft(draft: Draft, plan: EventPlan, seal: Seal | None, octets: Callable[[int], bytes], /) -> bytes:
    """Spell one event as the body of an entry.

    Arguments:
        seal: what `Seals` gave; None only where nothing has to be sealed.
        octets: random bytes, for nonces.

    Raises:
        AegisError: ``invalid_argument`` for a value that canonical JSON does not have, or an entry over 60,000 bytes.
    """
    event, context = draft.event, draft.context
    classified = plan.sealed
    data = ""
    for name in plan.plain:
        value = getattr(event, name)
        if type(value) is str:
            data += f',"{name}":{_quote(value)}'
        elif isinstance(value, Classified):
            loose = SealedField.of(name, str(value.data_class), plan.action)
            classified = tuple(sorted((*classified, loose)))
        else:
            data += f',"{name}":{_spell(value, name)}'
    boxes = subject = ""
    if seal is not None:
        key, subject = seal
        if classified:
            boxes = _boxes(event, classified, key, octets)
    elif classified:
        raise AegisError(ErrorCode.INTERNAL, "an event with classified fields came without a key")
    who = roles = ""
    if context.principal is not None:
        who, roles = _principal(context.principal)
    digits = event.event_id.bytes.hex("-", 2)  # 8 groups of 4 digits, of which a UUID joins the first 2 and the last 3
    text = (
        f'{{"action":"{plan.action}"{_first_members(context)}{_data(data) if data else ""}'
        f',"id":"{digits[:4]}{digits[5:29]}{digits[30:34]}{digits[35:]}"'
        f"{_member('op', context.operation) if context.operation else ''}"
        f',"outcome":"{event.outcome}"{_later_members(context)}{roles}{boxes}{subject}'
        f',"t":"{spell_time(draft.time_ns)}"{_last_members(context)},"v":1{who}}}'
    )
    try:
        body = text.encode()
    except UnicodeEncodeError:
        # The error holds the text.
        raise _refused("the event holds text with a lone surrogate, which UTF-8 cannot hold") from None
    if len(body) > LARGEST_ENTRY:
        raise _refused(
            f"the event takes {len(body)} bytes, an entry at most {LARGEST_ENTRY}: store the body and record its digest"
        )
    return body


def has_loose(plan: EventPlan, event: AuditEvent, /) -> bool:
    """Whether a field without a mark holds a `Classified`, which is sealed all the same."""
    return any(isinstance(getattr(event, name), Classified) for name in plan.plain)


def _boxes(event: AuditEvent, classified: tuple[SealedField, ...], key: RingKey, octets: Callable[[int], bytes]) -> str:
    prefix = event.event_id.bytes
    fields: list[tuple[bytes, bytes]] = []
    for field in classified:
        value = getattr(event, field.name)
        if type(value) is str:
            text = _quote(value)
        else:
            text = _spell(value.reveal(Purpose.OPERATIONS) if isinstance(value, Classified) else value, field.name)
        try:
            fields.append((text.encode(), prefix + field.bound_to))
        except UnicodeEncodeError:
            raise _refused(f"the field {field.name!r} holds a lone surrogate, which UTF-8 cannot hold") from None
    key_id = key.id
    members = ""
    for field, box in zip(classified, seal_fields(key, fields, octets), strict=True):
        members += f',{field.before}{box}{field.after}{key_id}"}}'
    return f',"sealed":{{{members[1:]}}}'


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


def _first_members(context: Context) -> str:
    return "" if context.correlation_id is None else _member("correlation", context.correlation_id)


def _later_members(context: Context) -> str:
    purpose, request = context.purpose, context.request_id
    text = "" if purpose is None else f',"purpose":"{purpose.value}"'
    return text if request is None else text + _member("request", request)


def _last_members(context: Context) -> str:
    tenant, trace = context.tenant, context.trace_id
    text = "" if tenant is None else _member("tenant", tenant)
    return text if trace is None else text + _member("trace", trace)


def _data(members: str) -> str:
    return f',"data":{{{members[1:]}}}'


def _member(name: str, value: str) -> str:
    return f',"{name}":{_quote(value)}'


#: By identity, so that no hash is computed; the principal is kept, so that its identity is not another's.
_principals: Final[dict[int, tuple[Principal, str, str]]] = {}
_MOST_PRINCIPALS: Final = 1024


def _principal(principal: Principal) -> tuple[str, str]:
    """The members ``verified_by`` and ``who``, and ``roles``."""
    known = _principals.get(id(principal))
    if known is None:
        if len(_principals) >= _MOST_PRINCIPALS:
            _principals.clear()
        roles = ",".join(map(_quote, sorted(principal.roles)))
        known = _principals[id(principal)] = (
            principal,
            _member("verified_by", principal.verified_by) + _member("who", principal.id),
            f',"roles":[{roles}]' if roles else "",
        )
    return known[1], known[2]


def _refused(message: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.record")
