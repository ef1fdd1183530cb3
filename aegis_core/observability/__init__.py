"""Structured logging: one line of JSON an event, with every mark honoured before a byte leaves the process."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.observability.canary import refuse_leaks as refuse_leaks
    from aegis_core.observability.exceptions import describe as describe
    from aegis_core.observability.exceptions import fingerprint as fingerprint
    from aegis_core.observability.logger import Logger as Logger
    from aegis_core.observability.port import LogSink as LogSink

__all__ = ["LogSink", "Logger", "describe", "fingerprint", "refuse_leaks"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "LogSink": ".port",
        "Logger": ".logger",
        "describe": ".exceptions",
        "fingerprint": ".exceptions",
        "refuse_leaks": ".canary",
    },
)
