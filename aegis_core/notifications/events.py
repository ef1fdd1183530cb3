"""What the hub puts on record: before a message is handed over, and after."""

from typing import ClassVar

import attrs

from aegis_core.kernel.recorder import AuditEvent


@attrs.frozen(kw_only=True)
class MessageSending(AuditEvent):
    """A message is about to be handed to a channel. ``delivery`` is the delivery's id."""

    action: ClassVar[str] = "message.sending"

    delivery: str
    template: str
    channel: str


@attrs.frozen(kw_only=True)
class MessageSent(AuditEvent):
    """What became of it; ``channel`` is empty where the recipient has no address."""

    action: ClassVar[str] = "message.sent"

    delivery: str
    template: str
    channel: str
    status: str
