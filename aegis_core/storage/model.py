"""Values of the storage room."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NewType, TypeAlias

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode

#: An object's name as adapters see it, escaped by the service: segments of ``A-Z a-z 0-9 - . _ ~`` and ``%XX`` (two
#: upper-case hexadecimal digits), split by ``/``, none of them empty, ``.`` or ``..``; at most 1,024 bytes; the first
#: segment is the tenant, or ``_``.
Key = NewType("Key", str)

LARGEST_KEY: Final = 1024

#: Most bytes that a reader hands over at once: one mebibyte and room for what sealing adds to it.
LARGEST_PIECE: Final = (1 << 20) + (1 << 14)

_KEY = re.compile(r"(?:(?!\.{1,2}(?:/|\Z))(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+(?:/(?!\Z)|\Z))+", re.ASCII)
_PREFIX = re.compile(r"(?:(?!\.{1,2}/)(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+/)*(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*", re.ASCII)


def checked_key(text: str, /) -> Key:
    """Make sure that a text is a `Key`, as adapters must: a name from elsewhere must never become a path.

    Raises:
        AegisError: ``invalid_argument``; the message does not repeat the text.
    """
    if len(text) > LARGEST_KEY or _KEY.fullmatch(text) is None:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "this is no canonical key: use the storage service, which escapes keys, or escape it with storage.keys",
        )
    return Key(text)


def checked_listing(prefix: str, limit: int, /) -> None:
    """Make sure that a text can be the beginning of a `Key` (the empty one is), and that a page has room.

    Raises:
        AegisError: ``invalid_argument``; the message does not repeat the text.
    """
    if len(prefix) > LARGEST_KEY or _PREFIX.fullmatch(prefix) is None:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "no canonical key begins like this: escape the prefix first")
    if limit < 1:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "a page has room for at least one object")


@attrs.frozen
class ObjectInfo:
    """What is known of one object without reading it. ``size`` is the plaintext's, None in listings.

    The key stands in no ``repr``: applications put identifiers into keys although they should not. From an adapter it
    is the escaped key, from the service the application's own.
    """

    key: Key = attrs.field(repr=False)
    stored_size: int
    etag: str
    modified: datetime
    size: int | None = None


@attrs.frozen
class SealedName:
    """An object's stored key, sealed as fields are: whoever takes sealed objects elsewhere shows no names.

    Arguments:
        key_id: of the ring's key that opens it.
        box: unpadded base64url.
    """

    key_id: str
    box: str = attrs.field(repr=False)


@attrs.frozen
class ByteRange:
    """Half-open range of bytes. A stop beyond the end is cut; a start beyond it is ``invalid_argument``."""

    start: int
    stop: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop < self.start):
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "a byte range starts at 0 or later and stops where it starts, or after"
            )

    def within(self, size: int, /) -> tuple[int, int]:
        """Cut the range to an object of ``size`` bytes: ``(start, stop)``. A start *at* the end gives an empty range.

        Raises:
            AegisError: ``invalid_argument`` if the range starts beyond the end.
        """
        if self.start > size:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the byte range starts beyond the end of the object")
        return self.start, size if self.stop is None else min(self.stop, size)


@attrs.frozen
class Match:
    """A condition: only the object that has this etag."""

    etag: str


#: False: create only. True: replace whatever is there. `Match`: replace only that one.
Replace: TypeAlias = bool | Match


@attrs.frozen
class Page:
    """Part of a listing. Ask again with ``after=next``; None: the end."""

    objects: Sequence[ObjectInfo]
    next: Key | None = None
