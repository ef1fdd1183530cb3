"""The shape of an entry as a pattern: what has the shape of an entry that was read carefully need not be read again.

A log has few shapes: one or two for each kind of event. A pattern holds the names literally, in their canonical order,
and says of each value what type it has; id and time are its groups.
"""

import re
from typing import Final

from aegis_core.audit.canonical import Value, encode
from aegis_core.audit.entry import ID_PATTERN

LARGEST_SHAPE: Final = 8_192  #: bytes of a pattern; what is longer is read carefully each time

#: Text without escapes. Possessive, so that it is looked at once whatever it holds.
_TEXT: Final = rb'"[ !#-\[\]-\xff]*+"'
_INTEGER: Final = rb"(?:0|-?+[1-9][0-9]{0,14}+)"  # below 10**15, and so below 2**53
_TEXTS: Final = rb"\[" + _TEXT + rb"(?:," + _TEXT + rb")*+\]"
_OWN: Final = {
    "v": b"1",
    "id": b'"(' + ID_PATTERN.encode() + b')"',
    "t": rb'"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z)"',
    "outcome": b'"(?:success|refused|failed)"',
}


def shape_of(entry: dict[str, Value], /) -> re.Pattern[bytes] | None:
    """The pattern of entries with the action, the names and the types of one that is known to be in order.

    Whatever matches in full, is UTF-8 and has a day that exists is canonical and has this version's members; the groups
    are id and time. None where the pattern would be too long to pay.
    """
    members = {**{name: _pattern(value) for name, value in entry.items()}, **_OWN}
    members["action"] = re.escape(encode(entry["action"]))
    pattern = _object({name: members[name] for name in entry})
    return re.compile(pattern) if len(pattern) <= LARGEST_SHAPE else None


def _pattern(value: Value) -> bytes:
    if isinstance(value, str):
        return _TEXT
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"(?:true|false)"
    if isinstance(value, int):
        return _INTEGER
    if isinstance(value, dict):
        return _object({name: _pattern(member) for name, member in value.items()})
    if value and all(isinstance(member, str) for member in value):
        return _TEXTS
    return rb"\[" + b",".join(map(_pattern, value)) + rb"\]"


def _object(members: dict[str, bytes]) -> bytes:
    return rb"\{" + b",".join(re.escape(encode(name)) + b":" + member for name, member in members.items()) + rb"\}"
