"""The seam between what every room has to report and the audit trail that records it."""

from typing import ClassVar, Literal, Protocol
from uuid import UUID

import attrs

from aegis_core.kernel.ids import uuid7
from aegis_core.kernel.pending import Pending

Result = Literal["success", "refused", "failed"]


@attrs.frozen(kw_only=True)
class AuditEvent:
    """Something that must be on record. Subclasses are `attrs.frozen`, name their ``action`` and add typed fields.

    Who acted, for which purpose, on which subject and for which tenant comes from `current()`, never from the event.
    """

    action: ClassVar[str] = ""

    outcome: Result = "success"
    event_id: UUID = attrs.field(factory=uuid7)


@attrs.frozen
class Receipt:
    """Proof that an event is durable. `index` and `leaf` are known once the sequencer has run."""

    event_id: UUID
    index: int | None = None
    leaf: bytes | None = None  #: SHA-256, 32 bytes


class Recorder(Protocol):
    """Takes events. The audit trail is one; `Unrecorded` stands in where there is none."""

    def submit(self, event: AuditEvent, /) -> Pending[Receipt]:
        """Queue an event, with the context of this moment; the result is there once the event is durable."""
        ...


class Unrecorded:
    """Records nothing and counts what it was given: what services use without a trail."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def submit(self, event: AuditEvent, /) -> Pending[Receipt]:
        self.count += 1
        return Pending.done_with(Receipt(event.event_id))
