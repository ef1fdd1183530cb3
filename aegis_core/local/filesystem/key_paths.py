"""From keys to names of files and back: injective, in order, and short enough for every file system. No I/O.

Only letters, digits and ``- . _ ~ %`` stand in a key's segment, so other characters are free to say what a name is:

- ``report.pdf@`` is the object whose key ends in ``report.pdf``;
- ``lab`` is the folder of all keys that go on with ``lab/``;
- ``aaa…,`` (200 characters and a comma) is the folder of all keys whose segment goes on after these 200 characters;
- ``+`` is a folder whose rest of a segment is empty: the segment had exactly 200 characters, or twice that;
- names that start with ``.#`` are the adapter's own.

A name in a folder stands for all keys that begin with one text, and sorting these texts sorts the keys: nothing has to
be sorted again when folders are walked in order.
"""

import re
from typing import Final, Literal

import attrs

from aegis_core.storage.model import Key

#: Longest part of a segment that one name holds. File systems take 255 bytes; some encrypting ones fewer.
PART: Final = 200

OWN: Final = ".#"

# A part of a long segment may end inside an escape, so only the characters can be checked here.
_PART = re.compile(r"[A-Za-z0-9._~%-]*", re.ASCII)


@attrs.frozen
class Place:
    """Where a key's object lies: folders from the root on, and the name of its file."""

    folders: tuple[str, ...]
    file: str


def place_of(key: Key, /) -> Place:
    """Say where a key's object lies."""
    *folders, last = key.split("/")
    names: list[str] = []
    for segment in folders:
        parts, rest = _split(segment)
        names += parts
        names.append(rest or "+")
    parts, rest = _split(last)
    return Place((*names, *parts), f"{rest}@")


def _split(segment: str) -> tuple[list[str], str]:
    parts: list[str] = []
    while len(segment) >= PART:
        parts.append(f"{segment[:PART]},")
        segment = segment[PART:]
    return parts, segment


@attrs.frozen(order=True)
class Entry:
    """What one name stands for: an object with the key ``text``, or a folder of the keys that begin with ``text``."""

    text: str
    kind: Literal["object", "folder"] = attrs.field(order=False)
    name: str = attrs.field(order=False)

    @classmethod
    def of(cls, name: str, parent: str, /) -> "Entry | None":
        """Read a name in the folder of all keys that begin with ``parent``; None: not a name of a key."""
        if name == "+":
            return cls(f"{parent}/", "folder", name)
        body, mark = (name[:-1], name[-1]) if name.endswith(("@", ",")) else (name, "")
        if not _PART.fullmatch(body):
            return None
        if mark == "@":
            return cls(parent + body, "object", name)
        if mark == ",":
            return cls(parent + body, "folder", name) if len(body) == PART else None
        return cls(f"{parent}{body}/", "folder", name)

    def may_hold(self, prefix: str, after: str, /) -> bool:
        """Whether a key that starts with ``prefix`` and sorts after ``after`` can lie here."""
        if self.kind == "object":
            return self.text.startswith(prefix) and self.text > after
        if not (self.text.startswith(prefix) or prefix.startswith(self.text)):
            return False
        return self.text > after or after.startswith(self.text)
