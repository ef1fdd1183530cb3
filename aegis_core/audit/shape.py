"""The shape of an entry as a pattern: what has the shape of an entry that was read carefully need not be read again.

A log has few shapes: one or two for each kind of event. A pattern holds the names literally, in their canonical order,
and says of each value what type it has; id and time are its groups.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, cast

from aegis_core.audit.canonical import Value, encode
from aegis_core.audit.entry import ID_PATTERN

Shape: TypeAlias = Callable[[bytes], re.Match[bytes] | None]

LARGEST_SHAPE: Final = 8_192  #: bytes of a pattern; what is longer is read carefully each time

# Text without escapes. Possessive, so that it is looked at once whatever it holds.
_ASCII: Final = rb'"[ !#-\[\]-~\x7f]*+"'
_ANY: Final = rb'"[ !#-\[\]-\xff]*+"'
_INTEGER: Final = rb"(?:0|-?+[1-9][0-9]{0,14}+)"  # below 10**15, and so below 2**53
_OWN: Final = {
    "v": b"1",
    "id": b'"(' + ID_PATTERN.encode() + b')"',
    "t": rb'"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z)"',
    "outcome": b'"(?:success|refused|failed)"',
}


def shape_of(entry: dict[str, Value], /) -> Shape | None:
    """What tells entries with the action, the names and the types of one that is known to be in order.

    Returns:
        A function that takes a body and gives a match with the groups id and time, or None. Whatever it matches is
        canonical and has this version's members, once its day and its hour are known to exist. None instead of a
        function where it would be too slow to pay.
    """
    is_ascii = encode(entry).isascii()
    text = _ASCII if is_ascii else _ANY
    members = {**{name: _pattern(value, text) for name, value in entry.items()}, **_OWN}
    members["action"] = re.escape(encode(entry["action"]))
    if "sealed" in members:
        members["sealed"] = _sealed(cast("dict[str, dict[str, str]]", entry["sealed"]), text)
    pattern = _object({name: members[name] for name in entry})
    if len(pattern) > LARGEST_SHAPE:
        return None
    match = re.compile(pattern).fullmatch
    return match if is_ascii else partial(_match_utf8, match)


def _match_utf8(match: Shape, body: bytes) -> re.Match[bytes] | None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return match(body)


def _pattern(value: Value, text: bytes) -> bytes:
    if isinstance(value, str):
        return text
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"(?:true|false)"
    if isinstance(value, int):
        return _INTEGER
    if isinstance(value, dict):
        return _object({name: _pattern(member, text) for name, member in value.items()})
    if value and all(isinstance(member, str) for member in value):
        return rb"\[" + text + rb"(?:," + text + rb")*+\]"
    return rb"\[" + b",".join(_pattern(member, text) for member in value) + rb"\]"


def _sealed(fields: dict[str, dict[str, str]], text: bytes) -> bytes:
    """Sealed fields: what a field of an event is classified as does not change from entry to entry."""
    return _object(
        {
            name: _object({"box": text, "class": re.escape(encode(field["class"])), "key": text})
            for name, field in fields.items()
        }
    )


def _object(members: dict[str, bytes]) -> bytes:
    return rb"\{" + b",".join(re.escape(encode(name)) + b":" + member for name, member in members.items()) + rb"\}"
