"""The copies of a primary, all of them: brought up side by side, each at its own pace."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Final

import anyio
import attrs
from anyio.abc import TaskGroup

from aegis_core.audit.follower import PATIENCE, Follower
from aegis_core.audit.model import CopyState, Finding
from aegis_core.audit.port import AuditSink, Entry
from aegis_core.audit.recent import Recent
from aegis_core.kernel.backend import refuse_other_backend
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.recorder import AuditEvent

NO_COPIES: Final[Mapping[str, AuditSink]] = MappingProxyType({})
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
        self._primary = primary
        self._make = partial(Follower, found=found, clock=clock, entropy=entropy, metrics=metrics)
        self._recent = Recent()
        self._followers: list[Follower] = []

    def begin(self) -> None:
        """Get ready, without any I/O.

        Raises:
            AegisError: ``invalid_argument`` for the primary itself, or for one sink under two names; ``unsupported``
                for one that cannot work on this event loop.
        """
        seen = [self._primary]
        for name, sink in self._sinks.items():
            if any(sink is other for other in seen):
                message = f"the copy {name!r} is the primary or another copy: a copy needs a place of its own"
                raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.open")
            seen.append(sink)
            refuse_other_backend(sink, operation="audit.open")
        self._recent = Recent()
        self._followers = [self._make(name, sink, self._primary, self._recent) for name, sink in self._sinks.items()]

    def start(self, group: TaskGroup, size: int, /) -> None:
        """Follow a primary of ``size`` entries. Copies are opened by the tasks: one that is down holds nobody up."""
        for follower in self._followers:
            follower.ring(size)
            group.start_soon(follower.run, name=f"aegis audit copy {follower.name}")

    def feed(self, indexes: Sequence[int], entries: Sequence[Entry], /) -> None:
        """Tell what was appended to the primary just now. On the trail's own loop, and waits for nothing."""
        if self._followers:
            self._recent.add(indexes, entries)
            for follower in self._followers:
                follower.ring(indexes[-1] + 1)

    def states(self) -> dict[str, CopyState]:
        """How each copy stands."""
        return {follower.name: follower.state for follower in self._followers}

    def facts(self) -> dict[str, int]:
        """For a health report: what each copy lacks; -1 as long as it was not reached."""
        return {
            f"copy_{state.name}_behind": -1 if state.behind is None else state.behind
            for state in self.states().values()
        }

    def complaint(self) -> str:
        """What is wrong with copies, in words; empty: nothing. To be behind for a moment is not wrong."""
        return "; ".join(
            f"the copy {state.name} {'is none' if state.finding else 'fails'}: {trouble.message}"
            for state in self.states().values()
            if (trouble := state.finding or state.failure) is not None
        )

    async def brought_up(self, name: str, /) -> AuditSink:
        """One copy's sink, after it was given the time to catch up.

        Raises:
            AegisError: ``invalid_argument`` where there is none of that name; what keeps it from being opened.
        """
        for follower in self._followers:
            if follower.name == name:
                await follower.catch_up()
                state = follower.state
                if state.size is None and state.failure is not None:
                    raise state.failure
                return self._sinks[name]
        known = ", ".join(sorted(self._sinks)) or "none"
        message = f"the trail has no copy of that name; it has {known}"
        raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.verify")

    async def catch_up(self, *, patience: float = PATIENCE) -> None:
        """Copy what the primary holds now; never raises for a copy."""
        async with anyio.create_task_group() as group:
            for follower in self._followers:
                group.start_soon(partial(follower.catch_up, patience=patience))

    async def aclose(self) -> None:
        """Give the copies a last chance to catch up, a bounded one, and close them."""
        try:
            if self._followers:
                with anyio.move_on_after(CLOSING):
                    await self.catch_up(patience=CLOSING)
        finally:
            for follower in self._followers:
                with suppress(Exception):  # nothing of the trail's depends on it
                    await follower.aclose()
