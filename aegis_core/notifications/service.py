"""The hub: typed messages in, one delivery each out, whatever happens in between."""

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import attrs

from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.backend import refuse_other_backend, refuse_other_loop
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import current
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.recorder import Recorder, Unrecorded
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.shapes import marks_of
from aegis_core.marks.taxonomy import DataClass
from aegis_core.notifications.clearance import DEFAULT_CLEARANCE, Clearance, is_cleared, problems
from aegis_core.notifications.courier import FIRST_PAUSE, Courier, Ticket
from aegis_core.notifications.journal import DONE, QUEUED, Journal, Known
from aegis_core.notifications.model import ChannelKind, Delivery, DeliveryStatus, Message, Rendered, Sent
from aegis_core.notifications.port import NotificationChannel
from aegis_core.notifications.template import Content, Template, field_texts, is_one_line, parse, render, slots

#: Characters of an idempotency key.
LONGEST_KEY = 1024

#: Seconds after which a process that was handing a message to a channel that is not idempotent counts as ended.
PATIENCE = 300.0

_SEND = "notifications.send"
_STRIPES = 64


@attrs.frozen
class _Draft:
    """A checked message: what would go where. Without a channel nobody can be reached."""

    template: str
    recipient: str
    values: Mapping[str, str] = attrs.field(repr=False)
    channel: ChannelKind | None
    rendered: Rendered | None = attrs.field(repr=False)


@attrs.frozen
class _Open:
    """What there is while the hub is open.

    ``owner``: process and task; ``thread``: its loop's; ``stripes``: one key is taken by one task.
    """

    owner: tuple[int, int]
    thread: int
    journal: Journal
    courier: Courier
    stripes: Sequence[anyio.Lock]
    stack: AsyncExitStack


class NotificationHub:
    """Sends typed messages over the channels that it is given: each idempotency key once, also after a kill.

    A message is checked, rendered, sealed and journalled before `send` returns; the hub's own tasks hand it over. What
    waits when a process ends is taken up by the next hub that opens on the same state store.

    Arguments:
        channels: one a kind; a recipient is reached over the first for which they have an address. The hub opens and
            closes them.
        keyring: borrowed; the journal lies in its state store.
        templates: the words of every message class that will be sent.
        clearance: channel → classes of data that its texts may show; a kind that is not named may show none. By
            default an e-mail may show a name, and nothing else is cleared. A subject never shows a classified field.
        recorder: told before a message is handed over, and what became of it.

    Raises:
        AegisError: ``invalid_argument`` with every problem of every template: an unknown field, a class without
            clearance, words missing in ``en``, a line break in a subject.
    """

    def __init__(
        self,
        channels: Sequence[NotificationChannel],
        keyring: Keyring,
        /,
        *,
        templates: Sequence[Template],
        clearance: Clearance | None = None,
        recorder: Recorder | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._channels: dict[ChannelKind, NotificationChannel] = {channel.kind: channel for channel in channels}
        self._keyring = keyring
        self._clearance = DEFAULT_CLEARANCE if clearance is None else clearance
        self._recorder = Unrecorded() if recorder is None else recorder
        self._clock = clock
        self._entropy = entropy
        found = ["two channels are of one kind"] if len(self._channels) != len(channels) else []
        marks = {template.message: marks_of(template.message) for template in templates}
        found.extend(problems(templates, marks, tuple(self._channels), self._clearance))
        if found:
            count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                "; ".join([f"{count} with the templates", *found]),
                operation="notifications",
            )
        self._templates = {template.message: template for template in templates}
        self._open: _Open | None = None

    # ------------------------------------------------------------------------------------------------- lifetime

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Open the channels, and take up what an earlier process left.

        What it left half handed over is sent again where the channel is idempotent; elsewhere it becomes
        ``uncertain``.

        Raises:
            AegisError: ``unsupported`` for a channel whose driver does not run on this backend, by name.
        """
        if self._open is not None:
            self._check_open()
            return
        async with AsyncExitStack() as stack:
            for channel in self._channels.values():
                refuse_other_backend(channel, operation="notifications.open")
                stack.push_async_callback(_close_shielded, channel)
                await channel.open()
            journal = await Journal.opened(self._keyring, clock=self._clock, entropy=self._entropy)
            left = [delivery_id async for delivery_id in journal.ids(QUEUED)]
            tasks = await stack.enter_async_context(anyio.create_task_group())
            courier = Courier(self._channels, journal, self._recorder, self._clock, tasks)
            stack.push_async_callback(courier.close)
            owner = (os.getpid(), anyio.get_current_task().id)
            stripes = tuple(anyio.Lock() for _ in range(_STRIPES))
            self._open = _Open(owner, threading.get_ident(), journal, courier, stripes, stack.pop_all())
        try:
            for delivery_id in left:
                await courier.resume(delivery_id)
        except BaseException:
            await self.aclose()  # not through the task group, which would wrap the error in a group of errors
            raise

    async def aclose(self) -> None:
        """Hand over what waits, once each, and close the channels. What could not be sent waits for the next hub.

        Raises:
            AegisError: ``invalid_argument`` in another task than the one that opened it.
        """
        if self._open is None:
            return
        if self._open.owner != (os.getpid(), anyio.get_current_task().id):
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                "leave the notification hub in the task that entered it",
                operation="notifications.aclose",
            )
        opened, self._open = self._open, None
        await opened.stack.aclose()

    # ------------------------------------------------------------------------------------------------- messages

    async def send(self, message: Message, /, *, key: str) -> Delivery:
        """Take a message. When this returns it is journalled, and the hub delivers it.

        Arguments:
            key: the idempotency key: the same key is one message, in this process and in any other. It may be any
                text of 1 to 1,024 characters, and is kept in no readable form.

        Returns:
            The delivery: queued, or what became of it if the key was used before.

        Raises:
            AegisError: ``conflict`` if the key was used for another message; ``invalid_argument`` if the message
                cannot be rendered, or would put a line break into a header.
        """
        delivery, _ = await self._take(message, key)
        return delivery

    async def send_immediate(self, message: Message, /, *, key: str) -> Delivery:
        """Like `send`, and waits for a final status. To wait no longer, cancel: the delivery goes on.

        Raises:
            AegisError: as `send`; ``unavailable`` if the hub is closed before there is a final status.
        """
        delivery, ticket = await self._take(message, key)
        pause = FIRST_PAUSE / 8
        while delivery.status == "queued":
            if ticket is not None:
                await ticket.event.wait()
                if ticket.error is not None:
                    raise ticket.error
                if ticket.delivery is not None:
                    return ticket.delivery
            # Another process has it in hand: look what it writes.
            await self._clock.sleep(pause)
            pause = min(2 * pause, FIRST_PAUSE)
            opened = self._check_open()
            known = await opened.journal.find(delivery.id)
            if known is not None:
                delivery, ticket = await _repeated(opened, known, known.digest)
        return delivery

    async def deliveries(self, *, status: DeliveryStatus | None = None) -> Sequence[Delivery]:
        """Every delivery that the journal knows, oldest first.

        Arguments:
            status: only those.
        """
        journal = self._check_open().journal
        prefixes = [QUEUED, DONE] if status is None else [QUEUED if status == "queued" else DONE]
        found: dict[str, Delivery] = {}
        for prefix in prefixes:
            async for delivery_id in journal.ids(prefix):
                known = await journal.find(delivery_id)
                if known is not None and status in {None, known.delivery.status}:
                    found[delivery_id] = known.delivery
        return sorted(found.values(), key=lambda delivery: (delivery.queued_at, delivery.id))

    # --------------------------------------------------------------------------------------------------- taking

    async def _take(self, message: Message, key: str) -> tuple[Delivery, Ticket | None]:
        opened = self._check_open()
        journal, courier = opened.journal, opened.courier
        if not 0 < len(key) <= LONGEST_KEY:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, f"the key must have 1 to {LONGEST_KEY} characters", operation=_SEND
            )
        context = current()
        tenant = context.tenant or ""
        draft = self._draft(message)
        delivery_id = journal.id(key, tenant=tenant)
        digest = journal.digest(draft.template, draft.recipient, draft.values)
        async with opened.stripes[int(delivery_id[:2], 16) % _STRIPES]:
            while True:
                known = await journal.find(delivery_id)
                if known is not None:
                    return await _repeated(opened, known, digest)
                delivery = Delivery(delivery_id, draft.template, draft.channel, "queued", journal.now())
                if draft.rendered is None:
                    return await courier.finish(delivery, digest, Sent("refused"), "unreachable"), None
                queued = await journal.queue(delivery, digest, draft.rendered, context, tenant=tenant)
                if queued is None:
                    continue
                # Another process may have finished this key between our look and our write.
                again = await journal.find(delivery_id)
                if again is None or again.waiting:
                    return delivery, courier.enqueue(queued)
                await journal.forget_waiting(delivery_id)

    def _draft(self, message: Message) -> _Draft:
        template = self._templates.get(type(message))
        if template is None:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, f"no template was given for {type(message).__name__}", operation=_SEND
            )
        values = field_texts(message)
        for kind, channel in self._channels.items():
            to = message.to.addresses.get(kind)
            content = template.content(kind, message.to.language)
            if to is None or content is None:
                continue
            if not is_one_line(to.reveal(Purpose.OPERATIONS)):
                raise AegisError(
                    ErrorCode.INVALID_ARGUMENT,
                    f"the {kind} address holds a line break or another control character",
                    operation=_SEND,
                )
            self._check_values(message, content, self._clearance.get(kind, frozenset()))
            rendered = render(content, values, to, with_html=channel.capabilities.html)
            largest = channel.capabilities.largest
            if largest is not None and rendered.size > largest:
                raise AegisError(
                    ErrorCode.INVALID_ARGUMENT,
                    f"the message has {rendered.size} bytes, and {kind} takes {largest}",
                    operation=_SEND,
                    adapter=channel.name,
                )
            return _Draft(template.id, message.to.id, values, kind, rendered)
        return _Draft(template.id, message.to.id, values, None, None)

    def _check_values(self, message: Message, content: Content, cleared: frozenset[DataClass]) -> None:
        """A loose field may hold a `Classified`, which the check at load could not see."""
        marks = marks_of(type(message))
        in_subject = slots(parse(content.subject))
        shown = in_subject | slots(parse(content.text)) | slots(parse(content.html or ""))
        for field in shown:
            value: object = getattr(message, field)
            if not isinstance(value, Classified) or value.data_class == marks.get(field):
                continue
            if not is_cleared(value.data_class, frozenset() if field in in_subject else cleared):
                raise AegisError(
                    ErrorCode.INVALID_ARGUMENT,
                    f"no clearance for {value.data_class}, the class of what {field!r} holds",
                    operation=_SEND,
                )

    def _check_open(self) -> "_Open":
        if self._open is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE,
                "the notification hub is not open: enter it with `async with`",
                operation="notifications",
                retryable=False,
            )
        if self._open.owner[0] != os.getpid():
            raise ForkedError("the notification hub")
        refuse_other_loop(self._open.thread, "the notification hub")
        return self._open


async def _repeated(opened: _Open, known: Known, digest: str) -> tuple[Delivery, Ticket | None]:
    """A key that was used before: the same delivery, or a conflict."""
    if known.digest != digest:
        raise AegisError(
            ErrorCode.CONFLICT, "this key was used for another message: one key is one message", operation=_SEND
        )
    delivery = known.delivery
    if known.waiting and opened.courier.ticket(delivery.id) is None:
        # Left by a process that has ended, or in the hands of one that has not: the journal keeps both from sending.
        await opened.courier.resume(delivery.id, patience=PATIENCE)
        there = await opened.journal.find(delivery.id)
        delivery = delivery if there is None else there.delivery
    return delivery, opened.courier.ticket(delivery.id)


async def _close_shielded(channel: NotificationChannel) -> None:
    with shielded():
        await channel.aclose()
