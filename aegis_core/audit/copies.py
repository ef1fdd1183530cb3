"""The copies of a primary, all of them: brought up side by side, each at its own pace."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Final

import anyio
import attrs
from anyio.abc import TaskGroup

from aegis_core.audit.follower import PATIENCE, Follower
from aegis_core.audit.model import CopyState, Finding
from aegis_core.audit.port import AuditSink
from aegis_core.kernel.backend import refuse_other_backend
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.recorder import AuditEvent

#: Seconds that copies get to catch up when the trail is closed.
CLOSING: Final = 2.0


@attrs.frozen
class CopyDiverged(AuditEvent):
    """Recorded when a copy turns out to hold something else than the primary."""

    action: ClassVar[str] = "audit.copy_diverged"

    copy: str
    index: int | None = None


class Copies:
    """What keeps the copies of one trail.

    Arguments:
        sinks: by name; opened and closed here.
        primary: borrowed.
        found: told of a copy that is none, once each.
    """

    def __init__(
        self,
        sinks: Mapping[str, AuditSink],
        primary: AuditSink,
        /,
        *,
        found: Callable[[str, Finding], None],
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        self._sinks = dict(sinks)
        self._followers = [
            Follower(name, sink, primary, found=found, clock=clock, entropy=entropy, metrics=metrics)
            for name, sink in sinks.items()
        ]

    @staticmethod
    def check(sinks: Mapping[str, AuditSink], primary: AuditSink, /) -> None:
        """Refuse what can be no copy.

        Raises:
            AegisError: ``invalid_argument`` for the primary itself, or for one sink under two names; ``unsupported``
                for one that cannot work on this event loop.
        """
        seen = [primary]
        for name, sink in sinks.items():
            if any(sink is other for other in seen):
                message = f"the copy {name!r} is the primary or another copy: a copy needs a place of its own"
                raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.open")
            seen.append(sink)
            refuse_other_backend(sink, operation="audit.open")

    def start(self, group: TaskGroup, size: int, /) -> None:
        """Begin to follow a primary of ``size`` entries. Copies are opened there: one that is down holds nobody up."""
        for follower in self._followers:
            follower.ring(size)
            group.start_soon(follower.run, name=f"aegis audit copy {follower.name}")

    def ring(self, size: int, /) -> None:
        """Tell that the primary has ``size`` entries now."""
        for follower in self._followers:
            follower.ring(size)

    def states(self) -> dict[str, CopyState]:
        """How each copy stands."""
        return {follower.name: follower.state for follower in self._followers}

    def sink(self, name: str, /) -> AuditSink:
        """One copy's sink.

        Raises:
            AegisError: ``invalid_argument`` where there is none of that name.
        """
        try:
            return self._sinks[name]
        except KeyError:
            known = ", ".join(sorted(self._sinks)) or "none"
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, f"the trail has no copy of that name; it has {known}", operation="audit"
            ) from None

    async def catch_up(self, *, patience: float = PATIENCE) -> None:
        """Copy what the primary holds now; never raises for a copy."""
        async with anyio.create_task_group() as group:
            for follower in self._followers:
                group.start_soon(partial(follower.catch_up, patience=patience))

    async def finish(self) -> None:
        """Give the copies their last chance, a bounded one."""
        if self._followers:
            with anyio.move_on_after(CLOSING):
                await self.catch_up(patience=CLOSING)

    async def aclose(self) -> None:
        """Close every copy. What one raises is not told: nothing of the trail's depends on it."""
        for follower in self._followers:
            try:
                await follower.aclose()
            except Exception:  # noqa: BLE001, S112 - the entries are in the primary
                continue
