"""How many deliveries ended how, without a key: what is kept of them holds no address and no word."""

from collections.abc import Mapping
from typing import cast, get_args

import attrs

from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.state import StateStore
from aegis_core.notifications.journal import DONE, QUEUED, status_of
from aegis_core.notifications.model import DeliveryStatus


@attrs.frozen
class DeliveryCount:
    """Deliveries by status.

    Arguments:
        is_whole: whether all were looked at.
    """

    by_status: Mapping[DeliveryStatus, int]
    is_whole: bool


async def count_deliveries(state: StateStore, /, *, most: int = 10_000) -> DeliveryCount:
    """Count the deliveries in a state store. Makes nothing.

    Arguments:
        state: open.
        most: after so many it stops.
    """
    counts = dict.fromkeys(cast("tuple[DeliveryStatus, ...]", get_args(DeliveryStatus)), 0)
    seen = 0
    with Wrapping(state, "notifications.count"):
        for prefix in (QUEUED, DONE):
            after = ""
            while names := await state.names(prefix, after=after):
                for name in names:
                    if seen == most:
                        return DeliveryCount(counts, is_whole=False)
                    document = None if prefix == QUEUED else await state.get(name)
                    if document is not None or prefix == QUEUED:
                        counts["queued" if document is None else status_of(document.body)] += 1
                    seen += 1
                after = names[-1]
    return DeliveryCount(counts, is_whole=True)
