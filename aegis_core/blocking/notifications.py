"""`NotificationHub` without an event loop."""

from collections.abc import Sequence

from aegis_core.blocking.facade import Facade
from aegis_core.notifications.model import Delivery, DeliveryStatus, Message
from aegis_core.notifications.service import NotificationHub as AsyncNotificationHub


class NotificationHub(Facade[AsyncNotificationHub]):
    """`aegis_core.notifications.NotificationHub` for code without an event loop: the same names and values."""

    def send(self, message: Message, /, *, key: str) -> Delivery:
        """See `aegis_core.notifications.NotificationHub.send`."""
        return self._run(lambda service: service.send(message, key=key))

    def send_immediate(self, message: Message, /, *, key: str) -> Delivery:
        """See `aegis_core.notifications.NotificationHub.send_immediate`."""
        return self._run(lambda service: service.send_immediate(message, key=key))

    def deliveries(self, *, status: DeliveryStatus | None = None) -> Sequence[Delivery]:
        """See `aegis_core.notifications.NotificationHub.deliveries`."""
        return self._run(lambda service: service.deliveries(status=status))
