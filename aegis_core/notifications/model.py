"""Values of the notifications room."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import attrs

from aegis_core.marks.classified import Classified

ChannelKind: TypeAlias = Literal["email", "sms", "push"]
SentStatus: TypeAlias = Literal["accepted", "refused", "uncertain"]
DeliveryStatus: TypeAlias = Literal["queued", "accepted", "refused", "unreachable", "uncertain"]


@attrs.frozen
class Recipient:
    """Who a message is for. ``id`` names no person by itself; ``language`` is a BCP 47 tag."""

    id: str
    addresses: Mapping[ChannelKind, Classified[str]]
    language: str = "en"


@attrs.frozen(kw_only=True)
class Message:
    """A typed message: subclasses are `attrs.frozen`, name their ``template`` and add marked fields.

    Example:
        ::

            @attrs.frozen(kw_only=True)
            class ResultReady(Message):
                template: ClassVar[str] = "result-ready"
                clinic: str
                test: Annotated[str, PHI.TEST]
    """

    template: ClassVar[str] = ""

    to: Recipient


@attrs.frozen
class Rendered:
    """One message for one recipient on one channel."""

    to: Classified[str]
    subject: str = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    html: str | None = attrs.field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of subject, text and HTML in UTF-8: what a channel's ``largest`` limits."""
        return sum(len(part.encode()) for part in (self.subject, self.text, self.html or ""))


@attrs.frozen
class Sent:
    """A channel's final word. ``reference`` and ``reason`` hold no address and no body."""

    status: SentStatus
    reference: str | None = None
    reason: str | None = None


@attrs.frozen
class Delivery:
    """What became of one message.

    Arguments:
        id: 32 hexadecimal digits that follow from the idempotency key and the tenant, under a key of the keyring.
        template: the template's id.
        channel: the channel that was chosen; None where the recipient has no address that a channel serves.
        status: everything but ``queued`` is final.
        queued_at: when the message was taken, UTC.
        finished_at: when the status became final, UTC.
        reference: the channel's own name for what it took.
        reason: why it was refused or is uncertain.
    """

    id: str
    template: str
    channel: ChannelKind | None
    status: DeliveryStatus
    queued_at: datetime
    finished_at: datetime | None = None
    reference: str | None = None
    reason: str | None = None
