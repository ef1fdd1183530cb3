"""The audit trail: what happened, recorded before anybody is told that it did, and provable for ever."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import anyio
from anyio.abc import TaskGroup

from aegis_core.audit.copies import NO_COPIES, Copies, CopyDiverged
from aegis_core.audit.draft import Draft, own_loop
from aegis_core.audit.export import LogFolder, not_extended
from aegis_core.audit.model import CopyState, Finding, SignedCheckpoint, StoredEvent, Verdict
from aegis_core.audit.note import check_name
from aegis_core.audit.opening import OpenedEvent, Opener, read_stored
from aegis_core.audit.plan import plan_of
from aegis_core.audit.port import AuditSink, Entry, JoinsTransactions
from aegis_core.audit.proof import TlogProof
from aegis_core.audit.publisher import SECONDS, Publisher
from aegis_core.audit.scan import Reading
from aegis_core.audit.sealing import Seals, TrailKeys
from aegis_core.audit.selfcheck import check
from aegis_core.audit.sequencer import Sequencer
from aegis_core.audit.signing import Signing
from aegis_core.audit.spelling import has_loose, spell_draft
from aegis_core.audit.tiles import Tile, subtrees_in, tiles_for
from aegis_core.audit.tree import (
    Range,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    subtree_nodes,
    verify_consistency,
)
from aegis_core.audit.verification import Progress
from aegis_core.kernel.backend import refuse_other_backend, refuse_other_loop
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import current
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, MisuseError, UnsupportedCapability
from aegis_core.kernel.failing import as_error
from aegis_core.kernel.health import Health
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent, Receipt
from aegis_core.marks.classified import Classified

#: Most events that wait for the primary.
LARGEST_QUEUE = 10_000


class AuditTrail:
    """Records events. Enter it with ``async with``; a receipt is given once the event is on the primary's disk.

    Fields that bear a mark, and the context's subject, are sealed under the subject's key (under the tenant's where
    there is no subject), so that shredding the key shreds them while every proof stays valid.

    Arguments:
        sink: the primary; opened and closed by the trail.
        keyring: borrowed, with its state store, where the log is published below ``log/``.
        origin: the log's name, for ever: such as ``"clinic.example/audit"``. No spaces, no ``+``.
        copies: further sinks by name, opened and closed by the trail. They follow the primary and are never waited
            for: one that is down, slow or damaged delays and fails nothing. `copies` says how they stand.
    """

    def __init__(
        self,
        sink: AuditSink,
        keyring: TrailKeys,
        /,
        *,
        origin: str,
        copies: Mapping[str, AuditSink] = NO_COPIES,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        check_name(origin)
        self.origin = origin
        self._sink = sink
        self._keyring = keyring
        self._wall_ns = clock.wall_ns
        self._clock = clock
        self._octets = entropy.octets
        self._metrics = metrics
        self._copies = Copies(copies, sink, found=self._found, clock=clock, entropy=entropy, metrics=metrics)
        self._seals = Seals(keyring, entropy)
        self._opener = Opener(keyring)
        self._signing = Signing(keyring, origin)
        self._group: TaskGroup | None = None
        self._owner = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._thread = 0
        self._sequencer: Sequencer | None = None
        self._publisher: Publisher | None = None

    # Lifetime

    async def open(self) -> None:
        """Open the primary, take the published log up, and start to work. Idempotent.

        Raises:
            AegisError: ``integrity`` if the primary holds less than was signed.
        """
        if self._group is not None and self._process == os.getpid():
            return
        refuse_other_backend(self._sink, operation="audit.open")
        self._copies.begin()
        try:
            await self._sink.open()
            publisher = Publisher(
                self._sink, self._keyring.state, self._signing, clock=self._clock, metrics=self._metrics
            )
            size = await publisher.open()
        except BaseException as exc:
            with shielded():
                await self._sink.aclose()
            if isinstance(exc, Exception):
                raise as_error(exc, self._sink, "audit.open") from exc.__cause__
            raise

        def appended(indexes: Sequence[int], entries: Sequence[Entry], leaves: Sequence[bytes]) -> None:
            publisher.feed(indexes, entries, leaves)
            self._copies.feed(indexes, entries)

        sequencer = Sequencer(self._sink, self._seal, appended, limit=LARGEST_QUEUE, metrics=self._metrics)
        sequencer.size = size
        group = anyio.create_task_group()
        await group.__aenter__()
        group.start_soon(sequencer.run, name="aegis audit sequencer")
        group.start_soon(publisher.run, name="aegis audit publisher")
        self._copies.start(group, size)
        if self._sink.capabilities.joins_transactions:
            group.start_soon(self._look, sequencer, name="aegis audit joined transactions")
        self._sequencer, self._publisher, self._group = sequencer, publisher, group
        self._owner, self._process, self._loop = anyio.get_current_task().id, os.getpid(), own_loop()
        self._thread = threading.get_ident()

    async def aclose(self) -> None:
        """Settle everything that was submitted, publish a last checkpoint, and close the primary. Idempotent.

        Copies get a moment to catch up: `copies` says what they lack.

        Raises:
            AegisError: ``invalid_argument`` in another task than the one that opened.
        """
        await self._close(has_failed=False)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close(has_failed=error is not None)

    async def _close(self, *, has_failed: bool) -> None:
        group, sequencer, publisher = self._group, self._sequencer, self._publisher
        if group is None or sequencer is None or publisher is None:
            await self._sink.aclose()
            return
        if self._process != os.getpid():
            raise ForkedError("the audit trail")
        if anyio.get_current_task().id != self._owner:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "close the trail in the task that opened it", operation="audit.close"
            )
        self._group = None
        sequencer.close()
        try:
            with shielded():
                await sequencer.drained.wait()
                group.cancel_scope.cancel()
                try:
                    await publisher.publish()
                except AegisError:
                    # The events are durable, and the next open publishes them; `health` and the metrics tell.
                    failure = publisher.failure
                    if failure is not None and failure.code is ErrorCode.INTEGRITY and not has_failed:
                        raise
                finally:
                    try:
                        await self._copies.aclose()
                    finally:
                        await self._sink.aclose()
        finally:
            # Not handed the caller's exception: a task group would wrap it in a group of its own.
            await group.__aexit__(None, None, None)

    # Recording

    def submit(self, event: AuditEvent, /) -> Pending[Receipt]:
        """Queue an event with the context of this moment, from any thread; the result is there once it is durable.

        What cannot be recorded fails the result: ``invalid_argument`` (the event itself, or a closed trail),
        ``resource_exhausted`` (too many wait), ``unavailable`` (the primary).
        """
        pending: Pending[Receipt] = Pending()
        error = self._offer(Draft(event, current(), self._wall_ns(), pending))
        if error is not None:
            pending.fail(error)
        return pending

    def _offer(self, draft: Draft) -> AegisError | None:
        sequencer = self._sequencer
        if sequencer is None:
            return MisuseError("the trail is not open: enter it with async with", operation="audit.submit")
        if self._process != os.getpid():
            return ForkedError("the audit trail")
        return sequencer.offer(draft)

    async def record(self, event: AuditEvent, /, *, within: object | None = None) -> Receipt:
        """Record an event and wait until it is durable. Cancelled while waiting: recorded or not, never twice.

        Arguments:
            within: the caller's own transaction, on a primary that joins them; the event counts once that commits.

        Raises:
            AegisError: as `submit`; ``unsupported`` for ``within`` where the primary cannot join transactions.
        """
        if within is None:
            loop = self._loop
            if loop is None or own_loop() is not loop:
                return await self.submit(event)
            future: asyncio.Future[Receipt] = loop.create_future()
            error = self._offer(Draft(event, current(), self._wall_ns(), future))
            if error is not None:
                raise error
            return await future
        sink, entry = await self._joining(event)
        try:
            await sink.join([entry], within)
        except Exception as exc:  # noqa: BLE001 - classified and raised
            raise as_error(exc, self._sink, "audit.record") from exc.__cause__
        return Receipt(entry.id, None, leaf_hash(entry.body))

    async def _joining(self, event: AuditEvent, /) -> tuple[JoinsTransactions, Entry]:
        """Seal an event that will be written in a caller's own transaction, and say who writes it.

        For callers without a loop: their connection may be used on their own thread only, so that `record` of
        `aegis_core.blocking` seals with this on the loop, and then joins on the caller's thread.
        """
        self._opened()
        sink = self._sink
        if not sink.capabilities.joins_transactions or not isinstance(sink, JoinsTransactions):
            raise UnsupportedCapability("joins_transactions", adapter=sink.name, operation="audit.record")
        (entry,) = await self._seal([Draft(event, current(), self._wall_ns(), Pending())])
        if isinstance(entry, AegisError):
            raise entry
        return sink, entry

    async def _seal(self, drafts: Sequence[Draft]) -> list[Entry | AegisError]:
        """Make entries of a batch. An event that cannot be spelled fails alone."""
        sealed: list[Entry | AegisError] = []
        octets, at_hand = _drawn(self._octets, 32 * len(drafts)), self._seals.at_hand
        for draft in drafts:
            try:
                plan = plan_of(type(draft.event))
                seal, context = None, draft.context
                if plan.sealed or context.subject is not None or has_loose(plan, draft.event):
                    seal = at_hand(context) or await self._seals.fetch(context)
                sealed.append(Entry(draft.event.event_id, spell_draft(draft, plan, seal, octets)))
            except AegisError as error:
                sealed.append(error)
            except Exception as exc:  # noqa: BLE001 - a value's own code may raise anything; its text may hold the value
                message = f"the event cannot be recorded: reading it raised {type(exc).__name__}"
                sealed.append(AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.record"))
        return sealed

    def _found(self, copy: str, finding: Finding) -> None:
        """Record that a copy is none: whoever looks for what was tampered with, looks here."""
        self.submit(CopyDiverged(copy, finding.index, outcome="failed"))

    async def _look(self, sequencer: Sequencer) -> None:
        """Take over what callers' transactions brought, every second: nobody tells when one commits."""
        while True:
            with suppress(AegisError):  # they stay where they are; the next look tries again
                await sequencer.look()
            await self._clock.sleep(SECONDS)

    # Reading and proving

    async def checkpoint(self) -> SignedCheckpoint:
        """Publish everything that is recorded now, and return the signed checkpoint that covers it."""
        publisher = self._opened()
        if self._sequencer is not None:
            await self._sequencer.look()
        return await publisher.publish()

    async def prove(self, receipt: Receipt | UUID, /) -> TlogProof:
        """Prove that an event is in the log, to anybody who has the log's verifier keys.

        Raises:
            AegisError: ``not_found`` for an id that the primary does not hold.
        """
        publisher = self._opened()
        event_id = receipt if isinstance(receipt, UUID) else receipt.event_id
        index = await self._sink.find(event_id)
        if index is None and self._sequencer is not None:
            await self._sequencer.look()
            index = await self._sink.find(event_id)
        if index is None:
            raise AegisError(ErrorCode.NOT_FOUND, "no event is recorded under this id", operation="audit.prove")
        checkpoint = publisher.latest
        if checkpoint is None or checkpoint.size <= index:
            checkpoint = await publisher.publish()
        size = checkpoint.size
        tiles = await self._tiles(size, inclusion_ranges(index, size))
        hashes = inclusion_proof(index, size, subtrees_in(size, tiles.__getitem__))
        return TlogProof(index, hashes, checkpoint)

    async def consistency(self, old_size: int, new_size: int, /) -> tuple[bytes, ...]:
        """Prove that the log of ``new_size`` entries extends that of ``old_size`` (RFC 9162 §2.1.4)."""
        publisher = self._opened()
        ranges = consistency_ranges(old_size, new_size)
        checkpoint = publisher.latest
        if checkpoint is None or checkpoint.size < new_size:
            checkpoint = await publisher.publish()
        if checkpoint.size < new_size:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, f"the log has {checkpoint.size} entries", operation="audit.consistency"
            )
        tiles = await self._tiles(checkpoint.size, ranges)
        return consistency_proof(old_size, new_size, subtrees_in(checkpoint.size, tiles.__getitem__))

    async def _tiles(self, size: int, ranges: Sequence[Range]) -> dict[Tile, bytes]:
        nodes = [node for start, stop in ranges for node in subtree_nodes(start, stop)]
        return {tile: await self._opened().tile(tile) for tile in tiles_for(size, nodes)}

    def entries(
        self, start: int = 0, stop: int | None = None, /, *, subject: Classified[str] | None = None
    ) -> AsyncIterator[OpenedEvent]:
        """Read events, sealed fields opened where their keys exist.

        Arguments:
            start: index of the first.
            stop: index behind the last; None: all there are now.
            subject: only events about whom, in the tenant of the current context.

        Returns:
            An iterator without a finaliser: it may be left at any time. It raises ``integrity`` at an entry that was
            changed.
        """
        self._opened()
        tenant = current().tenant or ""
        return Reading(self._sink, self._opener.open, self._seals, start, stop, subject=subject, tenant=tenant)

    def stored(
        self, start: int = 0, stop: int | None = None, /, *, subject: Classified[str] | None = None
    ) -> AsyncIterator[StoredEvent]:
        """Read events as they lie in the log: what is sealed stays sealed. Parameters and order are those of `entries`.

        `encode_entry` gives an event's bytes back, over which its leaf was made.
        """
        self._opened()
        tenant = current().tenant or ""
        return Reading(self._sink, read_stored, self._seals, start, stop, subject=subject, tenant=tenant)

    def copies(self) -> Mapping[str, CopyState]:
        """How each copy stands to the primary, by name; after closing, how it was left."""
        return self._copies.states()

    async def catch_up(self) -> Mapping[str, CopyState]:
        """Bring every copy up to what the primary holds now, and say how they stand. Raises for no copy."""
        self._opened()
        await self._copies.catch_up()
        return self.copies()

    async def verify(self, *, copy: str | None = None, progress: Progress | None = None) -> Verdict:
        """Recompute the log from the primary's entries, and compare it with what is published. Never decrypts.

        It covers what the published checkpoint covers, and signs nothing: call `checkpoint` first where the last second
        matters. What is damaged is a finding, not an error.

        Arguments:
            copy: verify the entries of this copy instead, once it has been given the time to catch up.
            progress: called with entries seen and entries in all.

        Raises:
            AegisError: ``invalid_argument`` for a copy that there is not; what the sink raises that is read.
        """
        publisher = self._opened()
        latest = publisher.latest or await publisher.publish()
        known = await self._signing.known()
        if copy is None:
            return await check(latest, known, self._sink, self._keyring.state, progress=progress)
        sink = await self._copies.brought_up(copy)
        return await check(latest, known, sink, self._keyring.state, place=f"the copy {copy}", progress=progress)

    async def export(self, folder: Path, /, *, progress: Progress | None = None) -> SignedCheckpoint:
        """Write the log into a folder, as it stands now: tiles, entries, checkpoint, verifier keys. Nothing is opened.

        A folder that holds an earlier export grows to what the log is now; ended in between, it is the earlier one, and
        the next call goes on. `verify_folder` reads it, and so does software that is not ours. One call at a time may
        write to a folder.

        Arguments:
            progress: called with entries written and entries in all.

        Returns:
            The checkpoint that the folder holds now.

        Raises:
            AegisError: ``integrity`` if the log does not extend what the folder holds, which then stays as it is;
                ``resource_exhausted`` and its like from the folder's disk.
        """
        publisher = self._opened()
        checkpoint = await self.checkpoint()
        target = LogFolder(folder, publisher.tile, self._signing)
        kept = await target.kept()
        if kept is not None:
            if kept.size > checkpoint.size:
                raise not_extended(kept.size)
            proof = await self.consistency(kept.size, checkpoint.size)
            if not verify_consistency(kept.size, kept.root, checkpoint.size, checkpoint.root, proof):
                raise not_extended(kept.size)
        await target.grow(0 if kept is None else kept.size, checkpoint, progress)
        return checkpoint

    async def verifier_keys(self) -> tuple[str, ...]:
        """The public keys that verify this log, as text. Keep your own copy: trust cannot come from beside the log."""
        await self._signing.signer()  # a trail that has signed nothing yet has its keys from here on
        return tuple(key.encode() for key in await self._signing.known())

    async def health(self) -> Health:
        """Say how the trail is, without raising."""
        sequencer, publisher = self._sequencer, self._publisher
        if self._group is None or sequencer is None or publisher is None or self._process != os.getpid():
            return Health("down", "not open")
        primary = await self._sink.health()
        failure = publisher.failure
        facts: dict[str, str | int | float] = {
            **primary.facts,
            "waiting": sequencer.waiting,
            "recorded": sequencer.recorded,
            "refused": sequencer.refused,
            "batches": sequencer.batches,
            "checkpoint": -1 if publisher.latest is None else publisher.latest.size,
            **self._copies.facts(),
        }
        if failure is not None:
            detail = f"no checkpoint: {failure.message}"
            return Health("down" if failure.code is ErrorCode.INTEGRITY else "degraded", detail, facts)
        complaint = self._copies.complaint()
        if complaint and primary.state == "up":
            return Health("degraded", complaint, facts)
        return Health(primary.state, primary.detail, facts)

    def _opened(self) -> Publisher:
        if self._process not in {0, os.getpid()}:
            raise ForkedError("the audit trail")
        if self._publisher is None or self._group is None:
            raise MisuseError("the trail is not open: enter it with async with", operation="audit")
        refuse_other_loop(self._thread, "the audit trail")
        return self._publisher


def _drawn(octets: Callable[[int], bytes], size: int) -> Callable[[int], bytes]:
    """Random bytes for one batch, drawn from the system at once."""
    drawn, at = b"", 0

    def take(count: int) -> bytes:
        nonlocal drawn, at
        if at + count > len(drawn):
            drawn, at = octets(max(size, count)), 0
        at += count
        return drawn[at - count : at]

    return take
