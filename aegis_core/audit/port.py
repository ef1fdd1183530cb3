"""What the primary of an audit trail implements, and every copy. Applications use `aegis_core.audit.AuditTrail`."""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities

PORT: Final = "audit/1"

#: Largest body of an entry, in bytes: an entry bundle has room for 65,535.
LARGEST_ENTRY: Final = 60_000


@attrs.frozen
class AuditCapabilities(Capabilities):
    """`joins_transactions`: see `JoinsTransactions`. `shared`: several processes of one host may append."""

    shared: bool = False
    multi_host: bool = False
    joins_transactions: bool = False


@attrs.frozen
class Entry:
    """One entry. ``body`` is canonical and does not hold its own index, so a retried batch is the same batch."""

    id: UUID
    body: bytes = attrs.field(repr=False)


class AuditSink(Adapter, Protocol):
    """Keeps entries in order, for ever.

    Duties, each a case of the kit:

    - `append` stores all or none, and what it stored is durable when it returns.
    - Another size than expected: ``conflict``, nothing stored.
    - A known id with the same body is not stored again, its index is returned; with another body: ``conflict``.
    - Order within a batch is kept.
    - A torn tail is cut at open and counted (``health().facts["torn"]``); there is never a hole inside.

    Who sees ``conflict`` reads what came in between and tries again: that is the trail, not the sink.
    """

    @property
    def capabilities(self) -> AuditCapabilities: ...

    async def append(self, entries: Sequence[Entry], /, *, expected_size: int) -> Sequence[int]:
        """Store a batch at the end and return the index of each entry.

        Arguments:
            expected_size: the size that the caller knows; entries with a known id do not count.
        """
        ...

    async def size(self) -> int:
        """How many entries there are, those of other processes included."""
        ...

    async def read(self, start: int, stop: int, /) -> Sequence[Entry]:
        """Entries ``start`` to ``stop`` (half-open, cut at the end), in order; at most 1,000 a call."""
        ...

    async def find(self, event_id: UUID, /) -> int | None:
        """The index of an entry by its id."""
        ...


@runtime_checkable
class JoinsTransactions(Protocol):
    """A sink that can write in the caller's own transaction. Declared by the capability ``joins_transactions``."""

    async def join(self, entries: Sequence[Entry], transaction: object, /) -> None: ...

    def join_sync(self, entries: Sequence[Entry], transaction: object, /) -> None:
        """The same on the caller's own thread and connection."""
        ...

    async def joined(self, limit: int, /) -> Sequence[Entry]:
        """Committed entries that have no index yet; `append` takes them over."""
        ...
