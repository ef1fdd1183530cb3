"""Which entries a command is about: a position, a range, an event's id. No I/O."""

import re
from typing import Final, NoReturn
from uuid import UUID

from aegis_core import AegisError, ErrorCode

#: Entries that are shown where none are named: the newest.
DEFAULT: Final = "-20:"
ALL: Final = ":"

_RANGE: Final = re.compile(r"(-?[0-9]{1,18})?(:)?(-?[0-9]{1,18})?")


def positions(text: str, size: int, /) -> tuple[int, int]:
    """The half-open range that a text names in a trail of a size, cut to it.

    Arguments:
        text: ``7`` for one entry, ``7:9`` for two, ``7:``, ``:9``; a negative number counts from the end.

    Raises:
        AegisError: ``invalid_argument`` for another form; ``not_found`` for one entry that the trail does not have.
    """
    match = _RANGE.fullmatch(text)
    if match is None or not text:
        _refuse()
    first, colon, last = match.groups()
    if colon is None:
        at = _from_end(int(first), size)
        if not 0 <= at < size:
            raise AegisError(
                ErrorCode.NOT_FOUND, f"the trail has {size} entries, none at this position", operation="audit"
            )
        return at, at + 1
    start = 0 if first is None else max(_from_end(int(first), size), 0)
    stop = size if last is None else min(_from_end(int(last), size), size)
    return start, max(start, stop)


def event_id(text: str, /) -> UUID:
    """Read an event's id.

    Raises:
        AegisError: ``invalid_argument``.
    """
    try:
        return UUID(text)
    except ValueError:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "an event's id is a UUID, as the receipt and the log have it", operation="audit"
        ) from None


def _from_end(number: int, size: int) -> int:
    return number + size if number < 0 else number


def _refuse() -> NoReturn:
    raise AegisError(
        ErrorCode.INVALID_ARGUMENT,
        "entries are named as 7 (one), 7:9, 7: or :9; -20: are the newest twenty",
        operation="audit",
    )
