"""`Storage` without an event loop."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from aegis_core.blocking.crypto import Keyring
from aegis_core.blocking.facade import Facade, next_or_none
from aegis_core.blocking.portal import PORTAL, Held
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.recorder import Recorder
from aegis_core.storage.listing import Listing as AsyncListing
from aegis_core.storage.model import ByteRange, Match, ObjectInfo, Replace, SealedName
from aegis_core.storage.port import StorageAdapter
from aegis_core.storage.reader import ObjectReader as AsyncObjectReader
from aegis_core.storage.sealed import SealedReader as AsyncSealedReader
from aegis_core.storage.service import MIB
from aegis_core.storage.service import Storage as AsyncStorage
from aegis_core.storage.source import Source


class Storage(Facade[AsyncStorage]):
    """`aegis_core.storage.Storage` for code without an event loop: the same names, parameters and values."""

    def __init__(
        self,
        adapter: StorageAdapter,
        keyring: Keyring,
        /,
        *,
        tenants: Mapping[str, StorageAdapter] | None = None,
        recorder: Recorder | None = None,
        metrics: Metrics = NO_METRICS,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        service = AsyncStorage(
            adapter,
            keyring._service,
            tenants=tenants,
            recorder=recorder,
            metrics=metrics,
            clock=clock,
            entropy=entropy,
        )
        super().__init__(service)

    def upload(self, key: str, source: Source, /, *, replace: Replace = False) -> ObjectInfo:
        """See `aegis_core.storage.Storage.upload`."""
        return self._run(lambda service: service.upload(key, source, replace=replace))

    def download(self, key: str, /, *, range: ByteRange | None = None, largest: int = 64 * MIB) -> bytes:
        """See `aegis_core.storage.Storage.download`."""
        return self._run(lambda service: service.download(key, range=range, largest=largest))

    def open(self, key: str, /, *, range: ByteRange | None = None) -> "ObjectReader":
        """See `aegis_core.storage.Storage.open`: ``with storage.open(key) as reader: for chunk in reader: …``."""
        return ObjectReader(self._handing_out().open(key, range=range))

    def sealed(self, key: str, /) -> "SealedReader":
        """See `aegis_core.storage.Storage.sealed`: ``with storage.sealed(key) as reader: for piece in reader: …``."""
        return SealedReader(self._handing_out().sealed(key))

    def stat(self, key: str, /) -> ObjectInfo:
        """See `aegis_core.storage.Storage.stat`."""
        return self._run(lambda service: service.stat(key))

    def list(self, prefix: str = "", /) -> "Listing":
        """See `aegis_core.storage.Storage.list`: ``for info in storage.list(): …``."""
        return Listing(self, self._handing_out().list(prefix))

    def move(self, source: str, target: str, /, *, replace: Replace = False) -> ObjectInfo:
        """See `aegis_core.storage.Storage.move`."""
        return self._run(lambda service: service.move(source, target, replace=replace))

    def delete(self, key: str, /, *, only: Match | None = None) -> None:
        """See `aegis_core.storage.Storage.delete`."""
        return self._run(lambda service: service.delete(key, only=only))


R = TypeVar("R", bound=AsyncObjectReader | AsyncSealedReader)


class _Pieces(Generic[R]):
    """What the two readers have in common: they are entered, and give bytes."""

    def __init__(self, reader: R, /) -> None:
        self._reader = reader
        self._held: Held[Any] | None = None

    @property
    def info(self) -> ObjectInfo:
        """The object's description, known once the reader is entered."""
        return self._reader.info

    def __enter__(self) -> Self:
        self._held = PORTAL.hold(self._reader)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.leave(error)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._held is not None:
            self._held.check()
        chunk = PORTAL.run(lambda: next_or_none(self._reader))
        if chunk is None:
            raise StopIteration
        return chunk


class ObjectReader(_Pieces[AsyncObjectReader]):
    """One object, read chunk by chunk. Made by `Storage.open`."""


class SealedReader(_Pieces[AsyncSealedReader]):
    """One object's stored bytes, piece by piece. Made by `Storage.sealed`."""

    @property
    def object_id(self) -> UUID:
        """See `aegis_core.storage.SealedReader.object_id`."""
        return self._reader.object_id

    @property
    def sealed_name(self) -> SealedName:
        """See `aegis_core.storage.SealedReader.sealed_name`."""
        return self._reader.sealed_name


class Listing:
    """The objects of one tenant, page by page as they are asked for. Made by `Storage.list`."""

    def __init__(self, storage: Storage, listing: AsyncListing, /) -> None:
        self._storage = storage
        self._listing = listing

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ObjectInfo:
        info = self._storage._next(self._listing)
        if info is None:
            raise StopIteration
        return info
