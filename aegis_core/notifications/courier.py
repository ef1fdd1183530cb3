"""The courier: hands journalled messages to channels, and writes down what became of them."""

from collections.abc import Callable, Mapping
from functools import partial

import anyio
import attrs
from anyio.abc import ObjectReceiveStream, TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.recorder import AuditEvent, Recorder
from aegis_core.notifications.events import MessageSending, MessageSent
from aegis_core.notifications.journal import Journal, Queued
from aegis_core.notifications.model import ChannelKind, Delivery, DeliveryStatus, Sent
from aegis_core.notifications.port import NotificationChannel

#: Messages of one channel that are handed over at the same time.
WORKERS = 4
#: Seconds before a message is tried again of which certainly nothing was sent, doubled each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: Seconds for which writing down what became of a message outlasts a cancellation.
CLEAN_UP = 5.0

#: What a channel says about the message itself; every other error is about the channel, and passes.
_FAULTS_OF_THE_MESSAGE = frozenset({ErrorCode.INVALID_ARGUMENT, ErrorCode.UNSUPPORTED})


class Ticket:
    """A delivery that this process works on. Neither delivery nor error: another process has taken it over."""

    __slots__ = ("delivery", "error", "event")

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.delivery: Delivery | None = None
        self.error: AegisError | None = None


class Courier:
    """Works on deliveries while the hub is open: a few tasks a channel, in the hub's task group.

    Arguments:
        tasks: entered and left by the hub.
    """

    def __init__(
        self,
        channels: Mapping[ChannelKind, NotificationChannel],
        journal: Journal,
        recorder: Recorder,
        clock: Clock,
        tasks: TaskGroup,
        /,
    ) -> None:
        self._channels = channels
        self._journal = journal
        self._recorder = recorder
        self._clock = clock
        self._closing = anyio.Event()
        self._tickets: dict[str, Ticket] = {}
        self._streams: dict[ChannelKind, MemoryObjectSendStream[Queued]] = {}
        for kind, channel in channels.items():
            into, out_of = anyio.create_memory_object_stream[Queued](float("inf"))
            self._streams[kind] = into
            for _ in range(WORKERS):
                tasks.start_soon(self._work, channel, out_of.clone(), name=f"notifications {kind}")
            out_of.close()

    def ticket(self, delivery_id: str, /) -> Ticket | None:
        """The ticket of a delivery that this process works on."""
        return self._tickets.get(delivery_id)

    def enqueue(self, queued: Queued, /) -> Ticket:
        """Deliver it soon."""
        kind = queued.delivery.channel
        ticket = self._tickets[queued.delivery.id] = Ticket()
        if kind is None or self._closing.is_set():  # journalled, and the next hub takes it up
            self._close(queued.delivery.id, error=_closed())
        else:
            self._streams[kind].send_nowait(queued)
        return ticket

    async def resume(self, delivery_id: str, /, *, patience: float = 0.0) -> None:
        """Take up what waits in the journal and nobody in this process works on.

        What was being handed to a channel that is not idempotent when its process ended becomes ``uncertain``.

        Arguments:
            patience: seconds for which the process that is handing it over is believed to be alive.
        """
        known = await self._journal.find(delivery_id)
        if known is None:
            return
        if not known.waiting:
            await self._journal.forget_waiting(delivery_id)
            return
        channel = None if known.delivery.channel is None else self._channels.get(known.delivery.channel)
        if channel is None:
            return  # for a hub that has this channel
        queued = await self._journal.waiting(delivery_id)
        if queued is None:
            return
        if queued.handed_at is not None and not channel.capabilities.idempotent:
            if (self._journal.now() - queued.handed_at).total_seconds() < patience:
                return
            with using(queued.context):
                sent = Sent("uncertain", reason="interrupted while it was handed over")
                await self.finish(queued.delivery, queued.digest, sent, "uncertain")
            return
        self.enqueue(queued)

    async def finish(self, delivery: Delivery, digest: str, sent: Sent, status: DeliveryStatus, /) -> Delivery:
        """Record and write the final word; returns the one that stands."""
        await self._recorder.submit(_word(delivery, status))
        return await self._write(delivery, digest, sent, status)

    async def _write(self, delivery: Delivery, digest: str, sent: Sent, status: DeliveryStatus) -> Delivery:
        word = attrs.evolve(
            delivery, status=status, finished_at=self._journal.now(), reference=sent.reference, reason=sent.reason
        )
        return await self._journal.finish(word, digest)

    async def close(self) -> None:
        """Take nothing more. What is queued is tried once, then the tasks end."""
        self._closing.set()
        for stream in self._streams.values():
            await stream.aclose()

    async def _work(self, channel: NotificationChannel, queue: ObjectReceiveStream[Queued]) -> None:
        async with queue:
            async for queued in queue:
                try:
                    with using(queued.context):
                        await self._deliver(channel, queued)
                finally:
                    self._close(queued.delivery.id, error=_closed())

    async def _deliver(self, channel: NotificationChannel, queued: Queued) -> None:
        pause = FIRST_PAUSE
        attempt = _Attempt(queued, self._journal.new_claim())
        while not await self._try(channel, attempt):
            if self._closing.is_set():
                return
            await self._nap(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _try(self, channel: NotificationChannel, attempt: "_Attempt") -> bool:
        """Hand it over unless that is done, and write down what became of it. False: to be tried again."""
        queued = attempt.queued
        try:
            if attempt.sent is None:
                await attempt.announced.record(self._recorder, partial(_announcement, queued.delivery))
                if not await self._claim(channel, attempt):
                    self._close(queued.delivery.id)
                    return True
                attempt.sent = await self._hand_over(channel, queued)
            if attempt.sent is None:
                attempt.announced = _OnRecord()  # the next try is another one
                await self._unclaim(channel, attempt)
                return False
            sent, written = attempt.sent, False
            with shielded(), anyio.move_on_after(CLEAN_UP):
                await attempt.word.record(self._recorder, partial(_word, queued.delivery, sent.status))
                word = await self._write(queued.delivery, queued.digest, sent, sent.status)
                self._close(queued.delivery.id, delivery=word)
                written = True
        except Exception:  # noqa: BLE001 - trail or state store are down: the message waits, and the journal says so
            return False
        return written

    async def _claim(self, channel: NotificationChannel, attempt: "_Attempt") -> bool:
        """Where the channel is not idempotent, note first that it is being handed over. False: another process did."""
        if channel.capabilities.idempotent or attempt.is_claimed:
            return True
        mine = await self._journal.mark(attempt.queued, handed=True, claim=attempt.claim)
        attempt.queued = mine or attempt.queued
        attempt.is_claimed = mine is not None
        return attempt.is_claimed

    async def _unclaim(self, channel: NotificationChannel, attempt: "_Attempt") -> None:
        if not channel.capabilities.idempotent:
            attempt.is_claimed = False  # before it is known: if the answer is lost, the journal may say so already
            mark = await self._journal.mark(attempt.queued, handed=False, claim=attempt.claim)
            attempt.queued = mark or attempt.queued

    async def _hand_over(self, channel: NotificationChannel, queued: Queued) -> Sent | None:
        """One attempt. None: certainly nothing was sent, and it may be tried again."""
        try:
            return await channel.send(queued.rendered, key=queued.delivery.id)
        except Exception as error:  # noqa: BLE001 - classified, and never raised further
            code = error.code if isinstance(error, AegisError) else channel.classify(error)
        if code is None:
            return Sent("uncertain", reason="an error that the channel cannot name")
        return Sent("refused", reason=code.value) if code in _FAULTS_OF_THE_MESSAGE else None

    def _close(self, delivery_id: str, *, delivery: Delivery | None = None, error: AegisError | None = None) -> None:
        ticket = self._tickets.pop(delivery_id, None)
        if ticket is not None:
            ticket.delivery, ticket.error = delivery, error
            ticket.event.set()

    async def _nap(self, seconds: float) -> None:
        async with anyio.create_task_group() as both:

            async def sleep() -> None:
                await self._clock.sleep(seconds)
                both.cancel_scope.cancel()

            both.start_soon(sleep)
            await self._closing.wait()
            both.cancel_scope.cancel()


@attrs.define
class _OnRecord:
    """One event, made when it happens and recorded once, however often that takes."""

    event: AuditEvent | None = None
    is_done: bool = False

    async def record(self, recorder: Recorder, make: Callable[[], AuditEvent], /) -> None:
        if self.event is None:
            self.event = make()
        if not self.is_done:
            await recorder.submit(self.event)
            self.is_done = True


@attrs.define
class _Attempt:
    """What is known between two tries.

    Arguments:
        queued: the message at its last revision.
        claim: under which this process marks it.
        is_claimed: whether the journal certainly says that this process is handing it over.
        sent: the channel's word, once there is one.
    """

    queued: Queued
    claim: str
    is_claimed: bool = False
    sent: Sent | None = None
    announced: _OnRecord = attrs.field(factory=_OnRecord)
    word: _OnRecord = attrs.field(factory=_OnRecord)


def _announcement(delivery: Delivery) -> MessageSending:
    return MessageSending(delivery=delivery.id, template=delivery.template, channel=delivery.channel or "")


def _word(delivery: Delivery, status: DeliveryStatus) -> MessageSent:
    return MessageSent(
        outcome="success" if status == "accepted" else "refused" if status == "refused" else "failed",
        delivery=delivery.id,
        template=delivery.template,
        channel=delivery.channel or "",
        status=status,
    )


def _closed() -> AegisError:
    return AegisError(
        ErrorCode.UNAVAILABLE,
        "the hub was closed before there was a final status: the message waits for the next one",
        operation="notifications.send_immediate",
    )
