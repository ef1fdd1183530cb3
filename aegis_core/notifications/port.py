"""What a channel implements. Applications use `aegis_core.notifications.NotificationHub`."""

from typing import Final, Protocol

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities
from aegis_core.notifications.model import ChannelKind, Rendered, Sent

PORT: Final = "notification/1"


@attrs.frozen
class ChannelCapabilities(Capabilities):
    """`idempotent`: one key is delivered once, also after a kill. `largest`: bytes of one rendered message."""

    idempotent: bool = False
    html: bool = False
    largest: int | None = None


class NotificationChannel(Adapter, Protocol):
    """Hands one message for one recipient to the outside.

    Duties, each a case of the kit:

    - A final word is a value (``accepted``, ``refused``, ``uncertain``); an error means that certainly nothing was
      sent.
    - A reply lost after the message was handed over is ``uncertain``.
    - With ``idempotent``, one key is delivered once, also after a kill.
    - No address and no body stands in an error, in ``repr``, in ``reference`` or in ``reason``.
    """

    @property
    def capabilities(self) -> ChannelCapabilities: ...

    @property
    def kind(self) -> ChannelKind: ...

    async def send(self, message: Rendered, /, *, key: str) -> Sent:
        """Send one message. ``key`` is the idempotency key: ASCII, 1 to 200 bytes, no PHI."""
        ...
