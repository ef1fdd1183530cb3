"""Puts events in order: seals what is queued, appends it as one batch, and gives receipts once it is durable."""

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from hashlib import sha256
from typing import Final, cast

import anyio

from aegis_core.audit.bell import Bell
from aegis_core.audit.draft import Answer, Draft, give, refuse
from aegis_core.audit.port import AuditSink, Entry, JoinsTransactions
from aegis_core.kernel.errors import AegisError, ErrorCode, MisuseError
from aegis_core.kernel.failing import as_error
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import Receipt

#: Most events of one batch.
LARGEST_BATCH: Final = 512

#: How often a batch may find that other processes were faster.
_MOST_CONFLICTS: Final = 1000

#: Entries of batches that failed without saying whether they were stored; kept so that a retry is the same batch.
_MOST_IN_DOUBT: Final = 4096


class Sequencer:
    """The one writer of a trail. `offer` works from any thread; `run` is a task of the service.

    Arguments:
        sink: the primary.
        seal: makes a batch of drafts into entries, or into the error of each that cannot become one.
        appended: told what was stored: indexes, entries, leaf hashes.
        limit: most events that wait.
    """

    def __init__(
        self,
        sink: AuditSink,
        seal: Callable[[Sequence[Draft]], Awaitable[list[Entry | AegisError]]],
        appended: Callable[[Sequence[int], Sequence[Entry], Sequence[bytes]], None],
        /,
        *,
        limit: int,
        metrics: Metrics,
    ) -> None:
        self._sink = sink
        self._seal = seal
        self._appended = appended
        self._limit = limit
        self._queue: deque[Draft] = deque()
        self._bell = Bell()
        self._is_idle = False
        self._is_closing = False
        self._has_ended = False
        joins = sink.capabilities.joins_transactions and isinstance(sink, JoinsTransactions)
        self._joining = cast("JoinsTransactions", sink) if joins else None
        self._looks_asked: list[Pending[None]] = []
        self._in_doubt: dict[object, Entry] = {}
        self._recorded = metrics.counter("aegis_audit_recorded_total")
        self._refused = metrics.counter("aegis_audit_refused_total")
        self._batches = metrics.histogram("aegis_audit_batch_entries")
        self.size = 0
        self.recorded = 0
        self.refused = 0
        self.batches = 0
        self.drained = anyio.Event()

    @property
    def waiting(self) -> int:
        """How many events wait for their batch."""
        return len(self._queue)

    def offer(self, draft: Draft, /) -> AegisError | None:
        """Queue one event; the error where that cannot be."""
        queue = self._queue
        if self._is_closing:
            return _closed()
        if len(queue) >= self._limit:
            return AegisError(
                ErrorCode.RESOURCE_EXHAUSTED,
                f"{self._limit} events wait for the primary already: await receipts, or slow down",
                operation="audit.submit",
                retryable=True,
            )
        queue.append(draft)
        if self._is_idle:
            self._is_idle = False  # it looks at the queue before it waits again: one ring is enough
            self._bell.ring()
        elif self._has_ended:  # closed by another thread between the two looks: its last sweep may have missed this
            return _closed()
        return None

    def close(self) -> None:
        """Take nothing more; `run` ends once everything queued is settled."""
        self._is_closing = True
        self._bell.ring()

    async def run(self) -> None:
        """Work until closed and drained. Shielded: while the application is cancelled, what was queued is settled."""
        with shielded():
            in_hand: list[Draft] = []
            try:
                while await self._wait():
                    if self._looks_asked:
                        await self._take_joined()
                    queue = self._queue
                    in_hand = [queue.popleft() for _ in range(min(len(queue), LARGEST_BATCH))]
                    if in_hand:
                        await self._commit(in_hand)
                    in_hand = []
                await self._take_joined()  # what was committed up to now is not left to the next process
            finally:
                self._is_closing = self._has_ended = True
                for asked in self._looks_asked:
                    asked.fail(_cut_short())
                self._is_idle = False
                # Nobody waits for ever: neither for a batch that the deadline for closing cut short …
                self._fail([draft.answer for draft in in_hand], _cut_short())
                # … nor for what another thread queued while we closed.
                self._fail([draft.answer for draft in self._queue], _closed())
                self.drained.set()

    async def _wait(self) -> bool:
        """Wait for something to do; False once everything is done and nothing more will come."""
        while not self._has_work():
            if self._is_closing:
                return False
            self._is_idle = True
            # Whoever queues from another thread rings if it sees that we are idle; what came just before is seen here.
            if not self._has_work() and not self._must_end():
                await self._bell.wait()
            self._is_idle = False
        return True

    def _has_work(self) -> bool:
        return bool(self._queue or self._looks_asked)

    def _must_end(self) -> bool:
        return self._is_closing

    async def look(self) -> None:
        """Give their index to entries that callers' own transactions brought, and wait for it.

        Raises:
            AegisError: the primary could not be asked; they stay where they are.
        """
        if self._joining is None or self._is_closing:
            return
        asked: Pending[None] = Pending()
        self._looks_asked.append(asked)
        self._bell.ring()
        await asked

    async def _take_joined(self) -> None:
        asked, self._looks_asked = self._looks_asked, []
        try:
            while self._joining is not None:
                entries = list(await self._joining.joined(LARGEST_BATCH))
                before = self.recorded
                if entries:
                    await self._append([Pending[Receipt]() for _ in entries], entries)
                if self.recorded == before:
                    break
        except Exception as exc:  # noqa: BLE001 - told to those who asked; the next look tries again
            error = as_error(exc, self._sink, "audit.joined")
            for each in asked:
                each.fail(error)
        finally:
            for each in asked:
                if not each.done:
                    each.resolve(None)

    async def _commit(self, drafts: list[Draft]) -> None:
        try:
            sealed = await self._seal(drafts)
        except Exception as exc:  # noqa: BLE001 - whatever fails, fails for those who wait
            self._fail([draft.answer for draft in drafts], _internal(exc))
            return
        batch: list[Answer] = []
        entries: list[Entry] = []
        for draft, entry in zip(drafts, sealed, strict=True):
            if isinstance(entry, AegisError):
                self._fail([draft.answer], entry)
                continue
            batch.append(draft.answer)
            entries.append(self._in_doubt.get(draft.event.event_id, entry) if self._in_doubt else entry)
        if batch:
            await self._append(batch, entries)

    async def _append(self, batch: list[Answer], entries: list[Entry]) -> None:
        leaves = [sha256(b"\x00" + entry.body).digest() for entry in entries]
        for _ in range(_MOST_CONFLICTS):
            try:
                indexes = await self._sink.append(entries, expected_size=self.size)
            except Exception as exc:  # noqa: BLE001 - classified below
                error = as_error(exc, self._sink, "audit.append")
                if error.code is not ErrorCode.CONFLICT:
                    self._doubt(entries)
                    self._fail(batch, error)
                    return
            else:
                self._settle(batch, entries, leaves, indexes)
                return
            try:
                size = await self._sink.size()
                if size == self.size:
                    batch, entries, leaves = await self._without_conflicts(batch, entries, leaves)
            except Exception as exc:  # noqa: BLE001 - the primary went away in between
                self._fail(batch, as_error(exc, self._sink, "audit.append"))
                return
            self.size = size
            if not batch:
                return
        error = AegisError(ErrorCode.UNAVAILABLE, "other writers were always faster", operation="audit.append")
        self._fail(batch, error)

    async def _without_conflicts(
        self, batch: list[Answer], entries: list[Entry], leaves: list[bytes]
    ) -> tuple[list[Answer], list[Entry], list[bytes]]:
        """Leave out what another entry's id is used for; the others are not to suffer from it."""
        kept: list[tuple[Answer, Entry, bytes]] = []
        own: dict[object, bytes] = {}
        for answer, entry, leaf in zip(batch, entries, leaves, strict=True):
            index = await self._sink.find(entry.id)
            stored = own.get(entry.id) if index is None else (await self._sink.read(index, index + 1))[0].body
            if stored is None or stored == entry.body:
                own[entry.id] = entry.body
                kept.append((answer, entry, leaf))
                continue
            message = f"another event is recorded under the id {entry.id}: an event is recorded once"
            self._fail([answer], AegisError(ErrorCode.CONFLICT, message, operation="audit.record"))
        return [each[0] for each in kept], [each[1] for each in kept], [each[2] for each in kept]

    def _settle(self, batch: list[Answer], entries: list[Entry], leaves: list[bytes], indexes: Sequence[int]) -> None:
        count = len(batch)
        self.size = max(self.size, max(indexes) + 1)
        self.recorded += count
        self.batches += 1
        self._recorded(count)
        self._batches(count)
        if self._in_doubt:
            for entry in entries:
                self._in_doubt.pop(entry.id, None)
        self._appended(indexes, entries, leaves)
        for answer, entry, index, leaf in zip(batch, entries, indexes, leaves, strict=True):
            give(answer, Receipt(entry.id, index, leaf))

    def _doubt(self, entries: list[Entry]) -> None:
        if len(self._in_doubt) + len(entries) <= _MOST_IN_DOUBT:
            self._in_doubt.update((entry.id, entry) for entry in entries)

    def _fail(self, answers: Collection[Answer], error: AegisError) -> None:
        self.refused += len(answers)
        self._refused(len(answers))
        for answer in answers:
            refuse(answer, error)


def _closed() -> AegisError:
    return MisuseError("the trail is closed: record while it is open", operation="audit.submit")


def _cut_short() -> AegisError:
    return AegisError(
        ErrorCode.UNAVAILABLE,
        "closing took longer than it may: the event is recorded or not; the same event may be recorded again",
        operation="audit.submit",
    )


def _internal(exc: Exception) -> AegisError:
    if isinstance(exc, AegisError):
        return exc
    message = f"the event could not be sealed: {type(exc).__name__}"
    return AegisError(ErrorCode.INTERNAL, message, operation="audit.record")
