"""A transport that prints what Sentry would be sent."""

from typing import Any

from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport


class Printed(Transport):
    def capture_envelope(self, envelope: Envelope) -> None:
        print(envelope.serialize().decode())


DSN = "http://key@127.0.0.1:9/1"
OPTIONS: dict[str, Any] = {
    "dsn": DSN,
    "transport": Printed,
    "auto_session_tracking": False,
    "auto_enabling_integrations": False,
}
WEB: dict[str, Any] = {**OPTIONS, "auto_enabling_integrations": True}
