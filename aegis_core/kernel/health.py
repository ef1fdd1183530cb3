"""How a part says how it is, and how several are asked at once."""

from collections.abc import Mapping
from typing import Literal, Protocol

import anyio
import attrs

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import current, using


@attrs.frozen
class Health:
    """One part's state. ``facts`` are for people and dashboards; they hold nothing classified."""

    state: Literal["up", "degraded", "down"]
    detail: str = ""
    facts: Mapping[str, str | int | float] = attrs.field(factory=dict[str, str | int | float])


UP = Health("up")


class Reports(Protocol):
    """Whatever can be asked how it is: an adapter, a service."""

    async def health(self) -> Health: ...


async def health_of(parts: Mapping[str, Reports], /, *, deadline: float, clock: Clock) -> Mapping[str, Health]:
    """Ask all parts at once. Who does not answer in time is down, and so is who raises; nobody else waits for it.

    Arguments:
        parts: place → who answers for it.
        deadline: seconds for all together; drivers that block are handed it as the context's ``expires_at``.

    Returns:
        Place → its health, in the order of ``parts``.
    """
    expires_at = clock.monotonic() + deadline
    context = current()
    if context.expires_at is not None:
        expires_at = min(expires_at, context.expires_at)
    answers = dict.fromkeys(parts, Health("down", f"no answer within {deadline:g} s"))

    async def ask(place: str, part: Reports) -> None:
        try:
            answers[place] = await part.health()
        except Exception as error:  # noqa: BLE001 - an adapter that breaks its word; its text may quote anything
            answers[place] = Health("down", f"asked how it is, it raised {type(error).__name__}")

    with using(attrs.evolve(context, expires_at=expires_at)), anyio.move_on_after(deadline):
        async with anyio.create_task_group() as tasks:
            for place, part in parts.items():
                tasks.start_soon(ask, place, part)
    return answers
