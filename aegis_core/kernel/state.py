"""The port for a few small documents by name: keyring, tiles, checkpoint, deliveries, subject keys."""

from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities

PORT: Final = "state/1"

#: Largest body, in bytes: a full bundle of 256 entries of an audit trail fits.
LARGEST_BODY: Final = 1 << 24


@attrs.frozen
class StateCapabilities(Capabilities):
    """`erases`: see the duties. `multi_host`: other hosts see the same documents."""

    erases: bool = False
    multi_host: bool = False


@attrs.frozen
class StateDocument:
    """One document as it was read. ``revision`` is opaque, and never used twice for one name."""

    name: str
    body: bytes = attrs.field(repr=False)
    revision: str


class StateStore(Adapter, Protocol):
    """Keeps small documents. Names are 1 to 512 bytes of ``A-Z a-z 0-9 . _ - / @ = +``, segments
    split by ``/``, none empty, none starting with a dot; the first segment is never ``journal`` (the audit sink's).

    Duties, each a case of the kit:

    - `put` is atomic and durable when it returns. Of N racers with one ``expected`` one wins, the others get
      ``conflict``.
    - A revision is never reused, not even after `delete` and a new `put` of the same name.
    - Names come sorted by code point, none twice, none skipped that stayed.
    - With the capability ``erases``, once `delete` returns the body is in no file that the store keeps; the same
      holds for the former body once a `put` that replaces it returns.
    - Bodies to 16 MiB; larger: ``invalid_argument``. A name outside the rule above: ``invalid_argument``.
    """

    @property
    def capabilities(self) -> StateCapabilities: ...

    async def get(self, name: str, /) -> StateDocument | None:
        """Read one document; None if there is none."""
        ...

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        """Write one document and return its new revision.

        Arguments:
            expected: the revision that must be there; None: the document must not exist.

        Raises:
            AegisError: ``conflict`` if something else is there.
        """
        ...

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        """Remove one document. Deleting nothing is no error unless ``expected`` is given: then ``conflict``."""
        ...

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Up to ``limit`` names that start with ``prefix`` and sort after ``after``."""
        ...
