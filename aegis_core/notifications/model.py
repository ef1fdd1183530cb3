"""Values of the notifications room."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

import attrs

from aegis_core.marks import Classified

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
    """A typed message: subclasses are `attrs.frozen`, name their ``template`` and add marked fields."""

    template: ClassVar[str] = ""

    to: Recipient


@attrs.frozen
class Rendered:
    """One message for one recipient on one channel."""

    to: Classified[str]
    subject: str = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    html: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Sent:
    """A channel's final word. ``reference`` and ``reason`` hold no address and no body."""

    status: SentStatus
    reference: str | None = None
    reason: str | None = None
