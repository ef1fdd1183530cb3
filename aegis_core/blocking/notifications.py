"""`NotificationHub` without an event loop."""

from collections.abc import Sequence

from aegis_core.blocking.crypto import Keyring
from aegis_core.blocking.facade import Facade
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.recorder import Recorder
from aegis_core.notifications.clearance import Clearance
from aegis_core.notifications.model import Delivery, DeliveryStatus, Message
from aegis_core.notifications.port import NotificationChannel
from aegis_core.notifications.service import NotificationHub as AsyncNotificationHub
from aegis_core.notifications.template import Template


class NotificationHub(Facade[AsyncNotificationHub]):
    """`aegis_core.notifications.NotificationHub` for code without an event loop: the same names and values."""

    def __init__(
        self,
        channels: Sequence[NotificationChannel],
        keyring: Keyring,
        /,
        *,
        templates: Sequence[Template],
        clearance: Clearance | None = None,
        recorder: Recorder | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        service = AsyncNotificationHub(
            channels,
            keyring._service,
            templates=templates,
            clearance=clearance,
            recorder=recorder,
            clock=clock,
            entropy=entropy,
        )
        super().__init__(service)

    def send(self, message: Message, /, *, key: str) -> Delivery:
        """See `aegis_core.notifications.NotificationHub.send`."""
        return self._run(lambda service: service.send(message, key=key))

    def send_immediate(self, message: Message, /, *, key: str) -> Delivery:
        """See `aegis_core.notifications.NotificationHub.send_immediate`."""
        return self._run(lambda service: service.send_immediate(message, key=key))

    def deliveries(self, *, status: DeliveryStatus | None = None) -> Sequence[Delivery]:
        """See `aegis_core.notifications.NotificationHub.deliveries`."""
        return self._run(lambda service: service.deliveries(status=status))
