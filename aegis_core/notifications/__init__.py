"""Typed messages to patients and staff: no channel shows what it has no clearance for, and no key is mailed twice."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.notifications.clearance import DEFAULT_CLEARANCE as DEFAULT_CLEARANCE
    from aegis_core.notifications.counting import DeliveryCount as DeliveryCount
    from aegis_core.notifications.counting import count_deliveries as count_deliveries
    from aegis_core.notifications.model import ChannelKind as ChannelKind
    from aegis_core.notifications.model import Delivery as Delivery
    from aegis_core.notifications.model import DeliveryStatus as DeliveryStatus
    from aegis_core.notifications.model import Message as Message
    from aegis_core.notifications.model import Recipient as Recipient
    from aegis_core.notifications.model import Rendered as Rendered
    from aegis_core.notifications.model import Sent as Sent
    from aegis_core.notifications.port import ChannelCapabilities as ChannelCapabilities
    from aegis_core.notifications.port import NotificationChannel as NotificationChannel
    from aegis_core.notifications.service import NotificationHub as NotificationHub
    from aegis_core.notifications.template import Content as Content
    from aegis_core.notifications.template import Template as Template

__all__ = [
    "DEFAULT_CLEARANCE",
    "ChannelCapabilities",
    "ChannelKind",
    "Content",
    "Delivery",
    "DeliveryCount",
    "DeliveryStatus",
    "Message",
    "NotificationChannel",
    "NotificationHub",
    "Recipient",
    "Rendered",
    "Sent",
    "Template",
    "count_deliveries",
]
__getattr__, __dir__ = lazy(
    __name__,
    {
        "count_deliveries": ".counting",
        "DeliveryCount": ".counting",
        "DEFAULT_CLEARANCE": ".clearance",
        "ChannelCapabilities": ".port",
        "ChannelKind": ".model",
        "Content": ".template",
        "Delivery": ".model",
        "DeliveryStatus": ".model",
        "Message": ".model",
        "NotificationChannel": ".port",
        "NotificationHub": ".service",
        "Recipient": ".model",
        "Rendered": ".model",
        "Sent": ".model",
        "Template": ".template",
    },
)
