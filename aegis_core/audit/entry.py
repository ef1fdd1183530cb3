"""How an event is spelled as an entry of the log, version 1 (``docs/reference/audit-entry.md``). Seals nothing."""

import re
import time
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn, cast
from uuid import UUID

from aegis_core.audit.canonical import Value, decode, encode
from aegis_core.audit.model import SealedValue, StoredEvent, SubjectSeal
from aegis_core.kernel.errors import AegisError, ErrorCode

if TYPE_CHECKING:  # the verifier reads entries and must load no seam of the writer
    from aegis_core.kernel.recorder import Result

VERSION: Final = 1

OUTCOMES: Final = frozenset({"success", "refused", "failed"})
REQUIRED: Final = frozenset({"v", "id", "t", "action", "outcome"})
#: Optional members that hold text, in the order of `StoredEvent`'s attributes.
TEXTS: Final = {
    "who": "who",
    "verified_by": "verified_by",
    "purpose": "purpose",
    "tenant": "tenant",
    "op": "operation",
    "request": "request_id",
    "correlation": "correlation_id",
    "trace": "trace_id",
}
MEMBERS: Final = REQUIRED | frozenset(TEXTS) | {"roles", "subject", "data", "sealed"}

#: ``2026-11-24T08:14:03.000000000Z``: RFC 3339, UTC, nanoseconds, always 30 characters.
TIME_PATTERN: Final = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z"
)
TIME_FORM: Final = re.compile(TIME_PATTERN)
ID_PATTERN: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ID_FORM: Final = re.compile(ID_PATTERN)

_KINDS: Final[Mapping[str, type]] = {
    "v": int,
    "roles": list,
    "subject": dict,
    "data": dict,
    "sealed": dict,
}  # others: str
_SUBJECT: Final = frozenset({"token", "key", "sealed"})
_SEALED: Final = frozenset({"class", "key", "box"})


def encode_entry(event: StoredEvent, /) -> bytes:
    """Spell an event as the body of an entry; its index is not part of it.

    Raises:
        AegisError: ``invalid_argument`` where a field lies outside canonical JSON's profile, naming its path.
    """
    members: dict[str, object] = {
        "v": VERSION,
        "id": str(event.event_id),
        "t": spell_time(event.time_ns),
        "action": event.action,
        "outcome": event.outcome,
    }
    for name, attribute in TEXTS.items():
        text = getattr(event, attribute)
        if text is not None:
            members[name] = text
    if event.roles:
        members["roles"] = event.roles
    subject = event.subject
    if subject is not None:
        members["subject"] = {"token": subject.token, "key": subject.key, "sealed": subject.box}
    if event.data:
        members["data"] = dict(event.data)
    if event.sealed:
        members["sealed"] = {
            name: {"class": field.data_class, "key": field.key, "box": field.box}
            for name, field in event.sealed.items()
        }
    return encode(members)


def decode_entry(body: bytes, /, *, index: int | None = None) -> StoredEvent:
    """Read an entry's body.

    Arguments:
        index: its position in the log, where the caller knows it.

    Raises:
        AegisError: ``invalid_argument`` for what is not canonical, has a member that version 1 does not, or lacks one.
    """
    members = check_entry(decode(body))
    text = cast("Mapping[str, str]", members)
    subject = cast("Mapping[str, str] | None", members.get("subject"))
    sealed = cast("Mapping[str, Mapping[str, str]]", members.get("sealed", {}))
    return StoredEvent(
        event_id=UUID(text["id"]),
        time_ns=parse_time(text["t"]),
        action=text["action"],
        outcome=cast("Result", text["outcome"]),
        roles=tuple(cast("list[str]", members.get("roles", ()))),
        subject=None if subject is None else SubjectSeal(subject["token"], subject["key"], subject["sealed"]),
        data=cast("Mapping[str, Value]", members.get("data", {})),
        sealed={name: SealedValue(field["class"], field["key"], field["box"]) for name, field in sealed.items()},
        index=index,
        **{attribute: text.get(name) for name, attribute in TEXTS.items()},
    )


def check_entry(value: Value, /) -> dict[str, Value]:
    """Return the members of a parsed entry once they have version 1's names and types.

    Raises:
        AegisError: ``invalid_argument``, naming the member.
    """
    if type(value) is not dict:
        _refuse("an entry is one JSON object")
    names = value.keys()
    if not names >= REQUIRED:
        _refuse(f"an entry lacks the member {min(REQUIRED - names)!r}")
    if not names <= MEMBERS:
        _refuse(f"an entry has {len(names - MEMBERS)} members that version {VERSION} does not know")
    for name, member in value.items():
        if type(member) is not _KINDS.get(name, str):
            _refuse(f"the member {name!r} has another type than version {VERSION} gives it")
    if value["v"] != VERSION:
        _refuse(f"an entry has a version other than {VERSION}: a newer release wrote it")
    identity, stamp, outcome = value["id"], value["t"], value["outcome"]
    if ID_FORM.fullmatch(cast("str", identity)) is None:
        _refuse("the member 'id' is not a UUID in its usual text form")
    if TIME_FORM.fullmatch(cast("str", stamp)) is None:
        _refuse("the member 't' is not a UTC time with nanoseconds")
    if outcome not in OUTCOMES:
        _refuse("the member 'outcome' is none of success, refused, failed")
    if not value["action"]:
        _refuse("the member 'action' is empty")
    if "roles" in value:
        roles = value["roles"]
        if not roles or not all(type(role) is str for role in cast("list[Value]", roles)):
            _refuse("the member 'roles' is not a list of text")
    if "subject" in value and not _has_texts(value["subject"], _SUBJECT):
        _refuse("the member 'subject' does not have exactly token, key and sealed")
    if "data" in value and not value["data"]:
        _refuse("the member 'data' is not an object with members")
    if "sealed" in value:
        sealed = cast("dict[str, Value]", value["sealed"])
        if not sealed or not all(_has_texts(field, _SEALED) for field in sealed.values()):
            _refuse("the member 'sealed' is not an object of sealed fields")
    return value


def spell_time(time_ns: int, /) -> str:
    """Spell POSIX nanoseconds as RFC 3339 in UTC, always 30 characters, so that text sorts as time does."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_spell_second(seconds)}.{rest:09d}Z"


def parse_time(text: str, /) -> int:
    """POSIX nanoseconds of a time that `spell_time` spelled.

    Raises:
        AegisError: ``invalid_argument``.
    """
    if TIME_FORM.fullmatch(text) is None:
        _refuse("a time is not in UTC with nanoseconds")
    return _parse_second(text[:19]) * 1_000_000_000 + int(text[20:29])


@lru_cache(maxsize=64)
def _spell_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=64)
def _parse_second(text: str) -> int:
    try:
        return timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        _refuse("a time names a day that does not exist")


def _has_texts(value: Value, names: frozenset[str]) -> bool:
    return type(value) is dict and value.keys() == names and all(type(text) is str for text in value.values())


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.entry") from None
