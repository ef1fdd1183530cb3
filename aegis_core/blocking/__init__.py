"""The same services for code without an event loop: one class a service, the same names, the same values."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.blocking.app import Aegis as Aegis
    from aegis_core.blocking.audit import AuditTrail as AuditTrail
    from aegis_core.blocking.crypto import Keyring as Keyring
    from aegis_core.blocking.notifications import NotificationHub as NotificationHub
    from aegis_core.blocking.per_process import PerProcess as PerProcess
    from aegis_core.blocking.storage import Listing as Listing
    from aegis_core.blocking.storage import ObjectReader as ObjectReader
    from aegis_core.blocking.storage import SealedReader as SealedReader
    from aegis_core.blocking.storage import Storage as Storage

__all__ = [
    "Aegis",
    "AuditTrail",
    "Keyring",
    "Listing",
    "NotificationHub",
    "ObjectReader",
    "PerProcess",
    "SealedReader",
    "Storage",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Aegis": ".app",
        "AuditTrail": ".audit",
        "Keyring": ".crypto",
        "Listing": ".storage",
        "NotificationHub": ".notifications",
        "ObjectReader": ".storage",
        "PerProcess": ".per_process",
        "SealedReader": ".storage",
        "Storage": ".storage",
    },
)
