"""One copy of the primary: it follows by its own size, as fast as it can, and nobody waits for it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import anyio

from aegis_core.audit.model import CopyState, Finding, FindingKind
from aegis_core.audit.port import AuditSink, Entry
from aegis_core.audit.recent import Recent
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping, as_error
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.metrics import Metrics

T = TypeVar("T")

#: Most entries of one batch, which is what a primary reads at once.
LARGEST_BATCH: Final = 1000
#: Bytes of a batch, about: after large entries, fewer are read at once.
BATCH_BYTES: Final = 4 << 20
#: Entries of the first batch: as large as entries can be, they are no more than `BATCH_BYTES`.
_FIRST_BATCH: Final = 64
#: How many of a copy's last entries are compared with the primary's where we did not write them ourselves.
_EDGE: Final = 256

#: Seconds between two rounds at full speed: a copy that is flushed for each batch of the primary would slow it down.
BREATH: Final = 0.1
#: Seconds after which the primary is looked at although nobody rang: other hosts append, too.
POLL: Final = 1.0
#: Seconds that one call of a copy may take; adapters with blocking drivers hand it on.
PATIENCE: Final = 5.0
#: Seconds between two tries of a copy that fails: from the first to the longest, doubled each time, up to half less.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


class Diverged(Exception):
    """The copy is not a prefix of the primary. Never leaves this module."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Follower:
    """Brings one copy up to the primary, again and again.

    A copy's size is the cursor: nothing else has to be remembered, and whoever copies after a crash, or at the same
    time on another host, goes on from there. A copy that holds anything but the primary's first entries is left as it
    is, for ever: `state` and ``found`` tell.

    Arguments:
        name: the copy's name, for metrics and people.
        copy: opened here, when it can be had.
        primary: borrowed, open.
        recent: what was appended to the primary just now.
        found: told once of what is wrong with the copy.
    """

    def __init__(
        self,
        name: str,
        copy: AuditSink,
        primary: AuditSink,
        recent: Recent,
        /,
        *,
        found: Callable[[str, Finding], None],
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self._copy = copy
        self._primary = primary
        self._recent = recent
        self._found = found
        self._clock = clock
        self._fraction = entropy.fraction
        self._behind = metrics.gauge("aegis_audit_copy_behind_entries", copy=name)
        self._copied = metrics.counter("aegis_audit_copied_total", copy=name)
        self._failed = metrics.counter("aegis_audit_copy_failures_total", copy=name)
        self._lock = anyio.Lock()
        self._due = anyio.Event()
        self._is_open = False
        self._patience = PATIENCE
        self._batch = _FIRST_BATCH
        self._size: int | None = None  # what the copy held when it last agreed
        self._has_met = False  # whether it still does: what stands there after a failure may be an older state
        self._seen = 0  # what the primary held when last seen
        self._failures = 0
        self._failure: AegisError | None = None
        self._finding: Finding | None = None

    @property
    def state(self) -> CopyState:
        """How the copy stands to the primary."""
        behind = None if self._size is None else max(0, self._seen - self._size)
        return CopyState(self.name, self._size, behind, self._failure, self._finding)

    def ring(self, size: int, /) -> None:
        """Tell that the primary has grown. On the trail's own loop, and waits for nothing."""
        self._seen = max(self._seen, size)
        self._due.set()

    async def run(self) -> None:
        """Follow until the copy turns out to be none."""
        while self._finding is None:
            self._due = anyio.Event()  # made anew here alone: an event that somebody waits for must not be replaced
            await self.catch_up()
            if self._failure is None:
                await self._clock.sleep(BREATH)
                await self._rung_or_time()
            else:
                pause = min(_FIRST_PAUSE * 2.0 ** min(self._failures - 1, 16), _LONGEST_PAUSE)
                await self._clock.sleep(pause * (1 - self._fraction() / 2))

    async def _rung_or_time(self) -> None:
        async with anyio.create_task_group() as group:

            async def sleep() -> None:
                await self._clock.sleep(POLL)
                group.cancel_scope.cancel()

            group.start_soon(sleep)
            await self._due.wait()
            group.cancel_scope.cancel()

    async def catch_up(self, *, patience: float = PATIENCE) -> None:
        """Copy what the primary holds now. Once; what fails is told by `state`, and no exception.

        Arguments:
            patience: seconds that one call of the copy may take.
        """
        async with self._lock:
            if self._finding is not None:
                return
            self._patience = patience
            try:
                await self._follow()
            except Diverged as found:
                self._finding, self._failure = found.finding, None
                self._failed(1)
                self._found(self.name, found.finding)
            except Exception as exc:  # noqa: BLE001 - whatever a copy does, the trail goes on
                self._failure, self._failures = as_error(exc, self._copy, "audit.copy"), self._failures + 1
                self._failed(1)
                self._has_met = False
            else:
                self._failure, self._failures = None, 0
            self._behind(self._seen - (self._size or 0))

    async def aclose(self) -> None:
        """Close the copy."""
        self._is_open = False
        with shielded():
            await self._copy.aclose()

    async def _follow(self) -> None:
        if not self._is_open:
            await self._ask(self._copy.open())
            self._is_open = True
        await self._meet()
        target = self._seen
        while self._size is not None and self._size < target:
            await self._bring(self._size, min(target, self._size + self._batch))

    async def _meet(self) -> None:
        """Learn both sizes, and see that what others wrote to the copy is the primary's."""
        # In this order: the primary only grows, so a copy that follows it is never longer than it is a moment later.
        size = await self._ask(self._copy.size())
        with Wrapping(self._primary, "audit.copy"):
            held = await self._primary.size()
        if size > held:
            message = f"it holds {size} entries, but the primary {held}"
            raise Diverged(Finding(FindingKind.HISTORY, message, index=held))
        known = self._size if self._has_met else None
        if size != known:
            since = known if known is not None and known < size else 0
            await self._compare(max(since, size - _EDGE), size)
        self._size, self._seen, self._has_met = size, max(self._seen, held), True

    async def _compare(self, start: int, stop: int) -> None:
        ours = await self._read(start, stop)
        theirs = await self._ask(self._copy.read(start, stop))
        for index, entry in enumerate(ours, start):
            if theirs[index - start : index - start + 1] != [entry]:
                raise Diverged(_other(index))

    async def _read(self, start: int, stop: int) -> list[Entry]:
        with Wrapping(self._primary, "audit.copy"):
            entries = await self._primary.read(start, stop)
        if stop > start and not entries:
            message = f"the primary does not give entry {start}, though it holds more"
            raise AegisError(ErrorCode.INTEGRITY, message, operation="audit.copy", adapter=self._primary.name)
        return list(entries)

    async def _bring(self, start: int, stop: int) -> None:
        entries = self._recent.between(start, stop) or await self._read(start, stop)
        try:
            indexes = await self._ask(self._copy.append(entries, expected_size=start))
        except AegisError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            await self._meet()  # another host was faster, and then the size has moved on …
            if self._size == start:
                await self._look_for(entries, start)  # … or the copy knows one of these as something else
                raise
            return
        if list(indexes) != list(range(start, start + len(entries))):
            raise Diverged(_other(next(kept for index, kept in enumerate(indexes, start) if kept != index)))
        self._size = start + len(entries)
        self._copied(len(entries))
        self._behind(self._seen - self._size)
        octets = sum([len(entry.body) for entry in entries])
        self._batch = max(1, min(LARGEST_BATCH, 2 * self._batch, BATCH_BYTES * len(entries) // max(octets, 1)))

    async def _look_for(self, entries: Sequence[Entry], start: int) -> None:
        for index, entry in enumerate(entries, start):
            kept = await self._ask(self._copy.find(entry.id))
            if kept is not None:
                message = f"it keeps the id of the primary's entry {index} for another entry"
                raise Diverged(Finding(FindingKind.ENTRY, message, index=kept))

    async def _ask(self, call: Awaitable[T]) -> T:
        """Call the copy. What it finds wrong with itself is a finding, everything else a failure."""
        try:
            with (
                Wrapping(self._copy, "audit.copy"),
                using(Context(expires_at=self._clock.monotonic() + self._patience)),
            ):
                return await call
        except AegisError as error:
            if error.code is not ErrorCode.INTEGRITY:
                raise
            raise Diverged(Finding(FindingKind.ENTRY, error.message)) from error


def _other(index: int) -> Finding:
    return Finding(FindingKind.ENTRY, f"its entry {index} is not the primary's", index=index)
