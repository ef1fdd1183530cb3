"""The seams that every floor needs: errors, clock, entropy, context, settings, small documents, recorder, metrics."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.kernel.adapter import EVERY_BACKEND as EVERY_BACKEND
    from aegis_core.kernel.adapter import Adapter as Adapter
    from aegis_core.kernel.adapter import AdapterDeps as AdapterDeps
    from aegis_core.kernel.adapter import Capabilities as Capabilities
    from aegis_core.kernel.adapter import Environment as Environment
    from aegis_core.kernel.adapter import FromUrl as FromUrl
    from aegis_core.kernel.carriers import ContextExecutor as ContextExecutor
    from aegis_core.kernel.carriers import from_headers as from_headers
    from aegis_core.kernel.carriers import to_headers as to_headers
    from aegis_core.kernel.clock import SYSTEM_CLOCK as SYSTEM_CLOCK
    from aegis_core.kernel.clock import Clock as Clock
    from aegis_core.kernel.clock import SystemClock as SystemClock
    from aegis_core.kernel.context import Context as Context
    from aegis_core.kernel.context import Principal as Principal
    from aegis_core.kernel.context import acting as acting
    from aegis_core.kernel.context import current as current
    from aegis_core.kernel.context import remaining as remaining
    from aegis_core.kernel.context import using as using
    from aegis_core.kernel.entropy import SYSTEM_ENTROPY as SYSTEM_ENTROPY
    from aegis_core.kernel.entropy import Entropy as Entropy
    from aegis_core.kernel.entropy import SeededEntropy as SeededEntropy
    from aegis_core.kernel.entropy import SystemEntropy as SystemEntropy
    from aegis_core.kernel.errors import AegisError as AegisError
    from aegis_core.kernel.errors import ErrorCode as ErrorCode
    from aegis_core.kernel.errors import ForkedError as ForkedError
    from aegis_core.kernel.errors import MisuseError as MisuseError
    from aegis_core.kernel.errors import UnsupportedCapability as UnsupportedCapability
    from aegis_core.kernel.failing import Wrapping as Wrapping
    from aegis_core.kernel.files import FileSystem as FileSystem
    from aegis_core.kernel.files import filesystem_of as filesystem_of
    from aegis_core.kernel.health import UP as UP
    from aegis_core.kernel.health import Health as Health
    from aegis_core.kernel.http import PROBLEM_JSON as PROBLEM_JSON
    from aegis_core.kernel.http import problem_details as problem_details
    from aegis_core.kernel.http import problem_headers as problem_headers
    from aegis_core.kernel.http import status_of as status_of
    from aegis_core.kernel.ids import uuid7 as uuid7
    from aegis_core.kernel.metrics import NO_METRICS as NO_METRICS
    from aegis_core.kernel.metrics import Metrics as Metrics
    from aegis_core.kernel.pending import Pending as Pending
    from aegis_core.kernel.problems import Problem as Problem
    from aegis_core.kernel.problems import SettingsError as SettingsError
    from aegis_core.kernel.recorder import AuditEvent as AuditEvent
    from aegis_core.kernel.recorder import Receipt as Receipt
    from aegis_core.kernel.recorder import Recorder as Recorder
    from aegis_core.kernel.recorder import Unrecorded as Unrecorded
    from aegis_core.kernel.registry import Registry as Registry
    from aegis_core.kernel.settings import Located as Located
    from aegis_core.kernel.settings import Part as Part
    from aegis_core.kernel.settings import Settings as Settings
    from aegis_core.kernel.state import StateCapabilities as StateCapabilities
    from aegis_core.kernel.state import StateDocument as StateDocument
    from aegis_core.kernel.state import StateStore as StateStore
    from aegis_core.kernel.url import ServiceUrl as ServiceUrl
    from aegis_core.marks.purpose import Purpose as Purpose

__all__ = [
    "EVERY_BACKEND",
    "NO_METRICS",
    "PROBLEM_JSON",
    "SYSTEM_CLOCK",
    "SYSTEM_ENTROPY",
    "UP",
    "Adapter",
    "AdapterDeps",
    "AegisError",
    "AuditEvent",
    "Capabilities",
    "Clock",
    "Context",
    "ContextExecutor",
    "Entropy",
    "Environment",
    "ErrorCode",
    "FileSystem",
    "ForkedError",
    "FromUrl",
    "Health",
    "Located",
    "Metrics",
    "MisuseError",
    "Part",
    "Pending",
    "Principal",
    "Problem",
    "Purpose",
    "Receipt",
    "Recorder",
    "Registry",
    "SeededEntropy",
    "ServiceUrl",
    "Settings",
    "SettingsError",
    "StateCapabilities",
    "StateDocument",
    "StateStore",
    "SystemClock",
    "SystemEntropy",
    "Unrecorded",
    "UnsupportedCapability",
    "Wrapping",
    "acting",
    "current",
    "filesystem_of",
    "from_headers",
    "problem_details",
    "problem_headers",
    "remaining",
    "status_of",
    "to_headers",
    "using",
    "uuid7",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "filesystem_of": ".files",
        "FileSystem": ".files",
        "Located": ".settings",
        "Adapter": ".adapter",
        "AdapterDeps": ".adapter",
        "AegisError": ".errors",
        "AuditEvent": ".recorder",
        "Capabilities": ".adapter",
        "Clock": ".clock",
        "Context": ".context",
        "ContextExecutor": ".carriers",
        "EVERY_BACKEND": ".adapter",
        "Entropy": ".entropy",
        "Environment": ".adapter",
        "ErrorCode": ".errors",
        "ForkedError": ".errors",
        "FromUrl": ".adapter",
        "Health": ".health",
        "Metrics": ".metrics",
        "MisuseError": ".errors",
        "Part": ".settings",
        "NO_METRICS": ".metrics",
        "Pending": ".pending",
        "Principal": ".context",
        "PROBLEM_JSON": ".http",
        "Problem": ".problems",
        "Purpose": "aegis_core.marks.purpose",
        "Receipt": ".recorder",
        "Recorder": ".recorder",
        "Registry": ".registry",
        "SYSTEM_CLOCK": ".clock",
        "SYSTEM_ENTROPY": ".entropy",
        "SeededEntropy": ".entropy",
        "ServiceUrl": ".url",
        "Settings": ".settings",
        "SettingsError": ".problems",
        "StateCapabilities": ".state",
        "StateDocument": ".state",
        "StateStore": ".state",
        "SystemClock": ".clock",
        "SystemEntropy": ".entropy",
        "UP": ".health",
        "Unrecorded": ".recorder",
        "UnsupportedCapability": ".errors",
        "Wrapping": ".failing",
        "acting": ".context",
        "current": ".context",
        "from_headers": ".carriers",
        "problem_details": ".http",
        "problem_headers": ".http",
        "remaining": ".context",
        "status_of": ".http",
        "to_headers": ".carriers",
        "using": ".context",
        "uuid7": ".ids",
    },
)
