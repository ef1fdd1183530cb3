"""What a storage adapter implements. Applications use `aegis_core.storage.Storage`."""

from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeVar

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities
from aegis_core.storage.model import ByteRange, Key, Match, ObjectInfo, Page, Replace

PORT: Final = "storage/1"

T = TypeVar("T")


@attrs.frozen
class StorageCapabilities(Capabilities):
    """`create`: create-if-absent is atomic. `match`: etag conditions are atomic. `largest`: bytes of one object.

    `longest_key`: bytes of a key, where a store takes fewer than `LARGEST_KEY`; a longer one is ``invalid_argument``.
    """

    create: bool = False
    match: bool = False
    multi_host: bool = False
    largest: int | None = None
    longest_key: int | None = None


class Reader(Protocol):
    """Reads one object from front to back. Use with `contextlib.aclosing`."""

    @property
    def info(self) -> ObjectInfo:
        """Known from the first `read` on, inside its ``take`` too; before it: `AegisError` ``invalid_argument``."""
        ...

    async def read(self, take: Callable[[memoryview], T], /) -> T | None:
        """Hand the next piece (at most `LARGEST_PIECE`) to ``take``, in the adapter's own thread hop.

        The view is valid only inside ``take``, which is called once a piece and never at the end. What it raises
        comes out unchanged. None: the end.

        Raises:
            AegisError: ``not_found`` at the first read if there is no such object; ``invalid_argument`` there if the
                range starts beyond the end; ``conflict`` if the object changed while it was read and the adapter
                cannot go on with the one it began: pieces of two objects are never mixed.
        """
        ...

    async def aclose(self) -> None: ...


class Writer(Protocol):
    """Writes one object. `aclose` without `commit` leaves nothing behind."""

    async def write(self, make: Callable[[], Iterable[bytes | memoryview]], /) -> None:
        """Write what ``make`` yields, in the adapter's own thread hop; a view is used before the next is asked for.

        An adapter may hold one ``make`` back: each is called exactly once, in order, at latest in `commit`. What it
        raises comes out unchanged, and nothing is published.
        """
        ...

    async def commit(self) -> ObjectInfo:
        """Publish. When this returns, everything is durable.

        Raises:
            AegisError: ``already_exists`` or ``precondition_failed``, as ``replace`` said.
        """
        ...

    async def aclose(self) -> None: ...


class StorageAdapter(Adapter, Protocol):
    """Holds objects by key. Safe to use from many tasks at once; must not retry, log or encrypt: the service does.

    Duties, each a case of the kit:

    - Nothing is visible before `Writer.commit` is called; once it returns, everything is durable.
    - Leaving without a commit, cancelled or failed, leaves no object, no part and no temporary file once
      `Writer.aclose` is done.
    - Of N racers with ``replace=False`` one wins, the rest get ``already_exists``; a moved etag is
      ``precondition_failed``. An adapter without ``create`` or ``match`` raises `UnsupportedCapability` for them.
    - A listing is sorted by code point of `Key`, none twice, none skipped that stayed.
    - `delete` of nothing is no error unless ``only`` is given: then ``precondition_failed``.
    - An etag changes whenever the object is replaced, and never comes back for that key.
    - What is no canonical key (see `checked_key`) is ``invalid_argument``, before anything is touched.
    - An object of more than ``largest`` bytes is ``resource_exhausted``, and nothing is published.
    - A key may be an object and the beginning of others' keys: ``a`` and ``a/b``.
    """

    @property
    def capabilities(self) -> StorageCapabilities: ...

    async def stat(self, key: Key, /) -> ObjectInfo:
        """Describe one object without reading it.

        Raises:
            AegisError: ``not_found`` if no such object exists.
        """
        ...

    def read(self, key: Key, /, *, range: ByteRange | None = None) -> Reader:
        """Make a reader. No I/O: ``not_found`` comes at the first read."""
        ...

    def write(self, key: Key, /, *, replace: Replace) -> Writer:
        """Make a writer. No I/O."""
        ...

    async def list(self, prefix: str, /, *, after: Key | None = None, limit: int = 1000) -> Page:
        """Up to ``limit`` objects whose keys start with ``prefix`` and sort after ``after``."""
        ...

    async def delete(self, key: Key, /, *, only: Match | None = None) -> None:
        """Remove one object, durably."""
        ...
