"""Files of patients: sealed before they leave the process, on record before anybody sees them, in any store."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.storage.events import ObjectCopied as ObjectCopied
    from aegis_core.storage.events import ObjectDeleted as ObjectDeleted
    from aegis_core.storage.events import ObjectMoved as ObjectMoved
    from aegis_core.storage.events import ObjectRead as ObjectRead
    from aegis_core.storage.events import ObjectWritten as ObjectWritten
    from aegis_core.storage.listing import Listing as Listing
    from aegis_core.storage.model import ByteRange as ByteRange
    from aegis_core.storage.model import Match as Match
    from aegis_core.storage.model import ObjectInfo as ObjectInfo
    from aegis_core.storage.model import Replace as Replace
    from aegis_core.storage.model import SealedName as SealedName
    from aegis_core.storage.port import StorageAdapter as StorageAdapter
    from aegis_core.storage.port import StorageCapabilities as StorageCapabilities
    from aegis_core.storage.reader import ObjectReader as ObjectReader
    from aegis_core.storage.sealed import SealedReader as SealedReader
    from aegis_core.storage.service import Storage as Storage
    from aegis_core.storage.source import Source as Source

__all__ = [
    "ByteRange",
    "Listing",
    "Match",
    "ObjectCopied",
    "ObjectDeleted",
    "ObjectInfo",
    "ObjectMoved",
    "ObjectRead",
    "ObjectReader",
    "ObjectWritten",
    "Replace",
    "SealedName",
    "SealedReader",
    "Source",
    "Storage",
    "StorageAdapter",
    "StorageCapabilities",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ByteRange": ".model",
        "Listing": ".listing",
        "Match": ".model",
        "ObjectCopied": ".events",
        "ObjectDeleted": ".events",
        "ObjectInfo": ".model",
        "ObjectMoved": ".events",
        "ObjectRead": ".events",
        "ObjectReader": ".reader",
        "ObjectWritten": ".events",
        "Replace": ".model",
        "SealedName": ".model",
        "SealedReader": ".sealed",
        "Source": ".source",
        "Storage": ".service",
        "StorageAdapter": ".port",
        "StorageCapabilities": ".port",
    },
)
