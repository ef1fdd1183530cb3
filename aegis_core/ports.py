"""Every port in one place, for those who write adapters. Each is defined in its room."""

# ruff: noqa: PLC0414 - `X as X` marks a re-export

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.audit.port import AuditCapabilities as AuditCapabilities
    from aegis_core.audit.port import AuditSink as AuditSink
    from aegis_core.audit.port import Entry as Entry
    from aegis_core.audit.port import JoinsTransactions as JoinsTransactions
    from aegis_core.crypto.port import KeyVault as KeyVault
    from aegis_core.crypto.port import VaultCapabilities as VaultCapabilities
    from aegis_core.crypto.port import WrappedKey as WrappedKey
    from aegis_core.kernel.adapter import Adapter as Adapter
    from aegis_core.kernel.adapter import AdapterDeps as AdapterDeps
    from aegis_core.kernel.adapter import Capabilities as Capabilities
    from aegis_core.kernel.adapter import FromUrl as FromUrl
    from aegis_core.kernel.clock import Clock as Clock
    from aegis_core.kernel.entropy import Entropy as Entropy
    from aegis_core.kernel.health import Health as Health
    from aegis_core.kernel.metrics import Metrics as Metrics
    from aegis_core.kernel.recorder import Recorder as Recorder
    from aegis_core.kernel.state import StateCapabilities as StateCapabilities
    from aegis_core.kernel.state import StateDocument as StateDocument
    from aegis_core.kernel.state import StateStore as StateStore
    from aegis_core.kernel.url import ServiceUrl as ServiceUrl
    from aegis_core.marks.port import Redactor as Redactor
    from aegis_core.notifications.port import ChannelCapabilities as ChannelCapabilities
    from aegis_core.notifications.port import NotificationChannel as NotificationChannel
    from aegis_core.observability.port import LogSink as LogSink
    from aegis_core.resilience.port import CircuitBreaker as CircuitBreaker
    from aegis_core.storage.port import Reader as Reader
    from aegis_core.storage.port import StorageAdapter as StorageAdapter
    from aegis_core.storage.port import StorageCapabilities as StorageCapabilities
    from aegis_core.storage.port import Writer as Writer

__all__ = [
    "Adapter",
    "AdapterDeps",
    "AuditCapabilities",
    "AuditSink",
    "Capabilities",
    "ChannelCapabilities",
    "CircuitBreaker",
    "Clock",
    "Entropy",
    "Entry",
    "FromUrl",
    "Health",
    "JoinsTransactions",
    "KeyVault",
    "LogSink",
    "Metrics",
    "NotificationChannel",
    "Reader",
    "Recorder",
    "Redactor",
    "ServiceUrl",
    "StateCapabilities",
    "StateDocument",
    "StateStore",
    "StorageAdapter",
    "StorageCapabilities",
    "VaultCapabilities",
    "WrappedKey",
    "Writer",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Adapter": "aegis_core.kernel.adapter",
        "AdapterDeps": "aegis_core.kernel.adapter",
        "AuditCapabilities": "aegis_core.audit.port",
        "AuditSink": "aegis_core.audit.port",
        "Capabilities": "aegis_core.kernel.adapter",
        "ChannelCapabilities": "aegis_core.notifications.port",
        "CircuitBreaker": "aegis_core.resilience.port",
        "Clock": "aegis_core.kernel.clock",
        "Entropy": "aegis_core.kernel.entropy",
        "Entry": "aegis_core.audit.port",
        "FromUrl": "aegis_core.kernel.adapter",
        "Health": "aegis_core.kernel.health",
        "JoinsTransactions": "aegis_core.audit.port",
        "KeyVault": "aegis_core.crypto.port",
        "LogSink": "aegis_core.observability.port",
        "Metrics": "aegis_core.kernel.metrics",
        "NotificationChannel": "aegis_core.notifications.port",
        "Reader": "aegis_core.storage.port",
        "Recorder": "aegis_core.kernel.recorder",
        "Redactor": "aegis_core.marks.port",
        "ServiceUrl": "aegis_core.kernel.url",
        "StateCapabilities": "aegis_core.kernel.state",
        "StateDocument": "aegis_core.kernel.state",
        "StateStore": "aegis_core.kernel.state",
        "StorageAdapter": "aegis_core.storage.port",
        "StorageCapabilities": "aegis_core.storage.port",
        "VaultCapabilities": "aegis_core.crypto.port",
        "WrappedKey": "aegis_core.crypto.port",
        "Writer": "aegis_core.storage.port",
    },
)
