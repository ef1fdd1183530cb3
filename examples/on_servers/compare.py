"""Compare two summaries of the clinic, field by field."""

import re
from collections.abc import Iterator
from typing import Final

import attrs

#: Where things lie is the point, and how long something took is not.
_LEFT_OUT: Final = ("where", "")
#: Lines that count what was in the way, not what was done, and the trail's entries: each try is on record, too.
_MAY_DIFFER: Final = re.compile(
    r"\(it refused|times work waited|every byte of|raw, JSON-escaped|python\S* -m |check it "
)
_ENTRIES: Final = re.compile(r"(\d+) entries, root \S+, ")


@attrs.frozen
class Field:
    """One line of a summary: what it says, and in which section."""

    section: str
    text: str


def fields(summary: str, /) -> list[Field]:
    """The lines that two runs over one input must have in common."""
    found: list[Field] = []
    section = ""
    for line in summary.splitlines():
        if not line.startswith(" "):
            section = line
        elif section not in _LEFT_OUT and not _MAY_DIFFER.search(line):
            found.append(Field(section, _ENTRIES.sub("", line.strip())))
    return found


def differences(one: str, other: str, /) -> Iterator[tuple[Field | None, Field | None]]:
    """Each field that is not the same in both; None where one has no such line."""
    left, right = fields(one), fields(other)
    for at in range(max(len(left), len(right))):
        pair = (left[at] if at < len(left) else None, right[at] if at < len(right) else None)
        if pair[0] != pair[1]:
            yield pair
