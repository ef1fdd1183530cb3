"""An event on its way into the trail: what was captured when it was submitted."""

from typing import Final, TypeAlias
from uuid import UUID

from aegis_core.kernel.context import Context
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent, Receipt

SUBJECT_DOMAIN: Final = b"aegis/audit/subject/v1\x00"

#: Fields that are sealed, on their way to the encoder: name, class, value.
Sealed: TypeAlias = "tuple[str, str, object]"


class Draft:
    """One submitted event, the context of that moment, and whoever waits for its receipt."""

    __slots__ = ("context", "event", "pending", "time_ns")

    def __init__(self, event: AuditEvent, context: Context, time_ns: int, pending: Pending[Receipt]) -> None:
        self.event = event
        self.context = context
        self.time_ns = time_ns
        self.pending = pending

    @property
    def event_id(self) -> UUID:
        """The event's own id."""
        return self.event.event_id


def subject_context(token: str, /) -> bytes:
    """What a sealed subject is bound to: the token that finds it."""
    return SUBJECT_DOMAIN + token.encode()
