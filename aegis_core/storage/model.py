"""Values of the storage room."""

from collections.abc import Sequence
from datetime import datetime
from typing import NewType, TypeAlias

import attrs

#: An object's name as adapters see it, escaped by the service: NFC, ASCII, no empty, ``.`` or ``..`` segment, at most
#: 1,024 bytes; the first segment is the tenant, or ``_``.
Key = NewType("Key", str)


@attrs.frozen
class ObjectInfo:
    """What is known of one object without reading it. ``size`` is the plaintext's, None in listings."""

    key: Key
    stored_size: int
    etag: str
    modified: datetime
    size: int | None = None


@attrs.frozen
class ByteRange:
    """Half-open range of bytes. A stop beyond the end is cut; a start beyond it is ``invalid_argument``."""

    start: int
    stop: int | None = None


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
