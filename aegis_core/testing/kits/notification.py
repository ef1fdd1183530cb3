"""The kit of the port `NotificationChannel`.

Example:
    ::

        @asynccontextmanager
        async def mine() -> AsyncGenerator[ChannelHarness]:
            server = FakeServer()
            yield ChannelHarness(lambda: MyChannel(server), server.received, faults={"refuse": server.refusing})

        print(run_kit(notification_kit, mine, backend="trio"))
"""

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Literal

import anyio
import attrs

from aegis_core.kernel.adapter import Capabilities
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.model import Rendered, Sent
from aegis_core.notifications.port import ChannelCapabilities, NotificationChannel
from aegis_core.testing.interrupt import every_wait
from aegis_core.testing.kit import Kit, expect
from aegis_core.testing.outbox import Arrived

#: What a harness can do to the outside while a context lasts. ``refuse``: it says no to every message; ``lose``: it
#: takes a message and its reply is lost; ``unavailable``: it can't be reached.
Fault = Literal["refuse", "lose", "unavailable"]

ADDRESS: Final = "somchai.jaidee@patients.example"
SUBJECT: Final = "Your result · ผลตรวจของคุณ"
TEXT: Final = "Dear Somchai,\nyour result is ready.\nผลตรวจของคุณพร้อมแล้ว\n"
HTML: Final = "<p>Your result is <b>ready</b>. ผลตรวจของคุณพร้อมแล้ว</p>\n"


@attrs.frozen
class Offered(Capabilities):
    """What the channel declares, and the faults that its harness can make."""

    names: frozenset[str] = frozenset()

    def offered(self) -> frozenset[str]:
        return self.names


class ChannelHarness:
    """Makes channels over one outside, and looks at what arrived there.

    Arguments:
        make: makes a channel that is not open yet; each call another one over the same outside.
        received: what arrived outside so far.
        faults: faults of the outside, each for as long as its context lasts.
    """

    def __init__(
        self,
        make: Callable[[], NotificationChannel],
        received: Callable[[], Awaitable[Sequence[Arrived]]],
        /,
        *,
        faults: Mapping[Fault, Callable[[], AbstractAsyncContextManager[object]]] | None = None,
    ) -> None:
        self.make = make
        self.received = received
        self.faults = {} if faults is None else dict(faults)

    @property
    def capabilities(self) -> Offered:
        """The channel's, and a flag a fault."""
        return Offered(self.make().capabilities.offered() | frozenset(self.faults))


notification_kit: Kit[ChannelHarness] = Kit("notification/1", ChannelCapabilities)


def message(*, to: str = ADDRESS, subject: str = SUBJECT, text: str = TEXT, html: str | None = None) -> Rendered:
    """A message of the kit."""
    return Rendered(Classified(to, PHI.EMAIL), subject, text, html)


async def opened(h: ChannelHarness) -> NotificationChannel:
    """A channel that is open."""
    channel = h.make()
    await channel.open()
    return channel


async def attempt(channel: NotificationChannel, rendered: Rendered, key: str) -> Sent | ErrorCode | None:
    """The channel's word, or the code of what it raised; None: it cannot name that. Neither may tell anything."""
    try:
        sent = await channel.send(rendered, key=key)
    except Exception as error:  # noqa: BLE001 - whatever it raises is looked at
        told = "".join(traceback.format_exception(error))
        _expect_silent(told, "an error")
        return error.code if isinstance(error, AegisError) else channel.classify(error)
    _expect_silent(f"{sent!r} {sent.reference} {sent.reason}", "a reference or a reason")
    return sent


def _expect_silent(told: str, what: str) -> None:
    for secret in (ADDRESS, "somchai.jaidee", "Dear Somchai", "is ready", "Bcc:", "eve@"):
        expect(secret not in told, f"{what} tells no address and no body")


def _same(left: str, right: str) -> bool:
    """Line ends, and those at the end, are the medium's business."""
    return left.strip().splitlines() == right.strip().splitlines()


async def _count(h: ChannelHarness) -> int:
    return len(await h.received())


@notification_kit.case
async def case_a_message_arrives_as_it_was_given(h: ChannelHarness) -> None:
    """One recipient, the subject and the text arrive, in any script."""
    channel = await opened(h)
    sent = await attempt(channel, message(), "k1")
    expect(isinstance(sent, Sent) and sent.status == "accepted", "a message that arrives is `accepted`")
    (arrived,) = await h.received()
    expect(arrived.address == ADDRESS, "it arrives at its address")
    expect(arrived.subject in {SUBJECT, ""}, "the subject arrives, where the channel has one")
    expect(_same(arrived.text, TEXT), "the text arrives")
    await channel.aclose()


@notification_kit.case(needs="html")
async def case_html_arrives(h: ChannelHarness) -> None:
    """Where the channel shows HTML, both forms arrive."""
    channel = await opened(h)
    await attempt(channel, message(html=HTML), "k1")
    (arrived,) = await h.received()
    expect(_same(arrived.html or "", HTML), "the HTML arrives")
    expect(_same(arrived.text, TEXT), "the text arrives beside it")
    await channel.aclose()


@notification_kit.case
async def case_two_keys_are_two_messages(h: ChannelHarness) -> None:
    """Equal messages under two keys are two messages."""
    channel = await opened(h)
    await attempt(channel, message(), "k1")
    await attempt(channel, message(), "k2")
    expect(await _count(h) == 2, "each key is a message of its own")
    await channel.aclose()


@notification_kit.case(needs="idempotent")
async def case_one_key_is_delivered_once(h: ChannelHarness) -> None:
    """One key is one message: one after another, at the same time, and over another channel on the same outside."""
    channel, other = await opened(h), await opened(h)
    words: list[Sent | ErrorCode | None] = []

    async def send(by: NotificationChannel) -> None:
        words.append(await attempt(by, message(), "k1"))

    await send(channel)
    await send(channel)
    await send(other)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(send, channel)
            group.start_soon(send, other)
    await channel.aclose()
    later = await opened(h)
    await send(later)
    expect(await _count(h) == 1, "one key is delivered once")
    expect(all(isinstance(word, Sent) and word.status == "accepted" for word in words), "each time it is `accepted`")
    await other.aclose()
    await later.aclose()


@notification_kit.case(needs="idempotent")
async def case_a_cancelled_send_delivers_once_or_not_at_all(h: ChannelHarness) -> None:
    """Cancelled at any point, a message is there whole or not at all, and sending it again makes it one."""
    channel = await opened(h)
    for number, step in enumerate(every_wait()):
        key, before = f"k{number}", await _count(h)
        await step.run(lambda key=key: channel.send(message(), key=key))  # type: ignore[misc]
        for arrived in (await h.received())[before:]:
            expect(_same(arrived.text, TEXT), "what is there is whole")
        await attempt(channel, message(), key)
        expect(await _count(h) == before + 1, "sent again, it is there once")
    await channel.aclose()


@notification_kit.case(needs="refuse")
async def case_a_refusal_is_no_success(h: ChannelHarness) -> None:
    """What the outside refuses is `refused`, or an error."""
    channel = await opened(h)
    async with h.faults["refuse"]():
        word = await attempt(channel, message(), "k1")
    expect(not isinstance(word, Sent) or word.status == "refused", "a refused message is `refused`, or an error")
    expect(await _count(h) == 0, "a refused message does not arrive")
    await channel.aclose()


@notification_kit.case(needs="unavailable")
async def case_an_error_means_that_nothing_was_sent(h: ChannelHarness) -> None:
    """When the outside can't be reached an error with a code says so, nothing arrives, and later it goes through."""
    channel = await opened(h)
    async with h.faults["unavailable"]():
        word = await attempt(channel, message(), "k1")
    expect(not isinstance(word, Sent), "an outside that can't be reached is an error, not a final word")
    expect(
        word is not None and word is not ErrorCode.INVALID_ARGUMENT, "its code says that it isn't the message's fault"
    )
    expect(await _count(h) == 0, "after an error nothing has arrived")
    word = await attempt(channel, message(), "k1")
    expect(isinstance(word, Sent) and word.status == "accepted", "later the same key goes through")
    expect(await _count(h) == 1, "and arrives once")
    await channel.aclose()


@notification_kit.case(needs="lose")
async def case_a_lost_reply_is_uncertain(h: ChannelHarness) -> None:
    """When the message was handed over and the reply is lost, the word is `uncertain`."""
    channel = await opened(h)
    async with h.faults["lose"]():
        word = await attempt(channel, message(), "k1")
    expect(isinstance(word, Sent) and word.status == "uncertain", "a lost reply is `uncertain`")
    await channel.aclose()


@notification_kit.case
async def case_no_header_can_be_smuggled_in(h: ChannelHarness) -> None:
    """A line break in address or subject is refused, and nothing arrives."""
    channel = await opened(h)
    for number, end in enumerate(("\r\n", "\n", "\r")):
        word = await attempt(channel, message(to=f"{ADDRESS}{end}Bcc: eve@evil.example"), f"a{number}")
        _expect_refused(word)
        word = await attempt(channel, message(subject=f"Result{end}Bcc: eve@evil.example"), f"s{number}")
        _expect_refused(word)
    expect(await _count(h) == 0, "what would smuggle in a header does not arrive")
    await channel.aclose()


def _expect_refused(word: Sent | ErrorCode | None) -> None:
    refused = word.status == "refused" if isinstance(word, Sent) else word is ErrorCode.INVALID_ARGUMENT
    expect(refused, "a line break in a header is `invalid_argument`, or `refused`")


@notification_kit.case
async def case_a_broken_address_tells_nothing(h: ChannelHarness) -> None:
    """Whatever it does with an address that is none, it does not repeat it."""
    channel = await opened(h)
    for number, address in enumerate(("somchai.jaidee", "somchai.jaidee@", "@", "a@b@c", f"{ADDRESS}, {ADDRESS}")):
        await attempt(channel, message(to=address), f"k{number}")  # looks at what it raises
    await channel.aclose()


@notification_kit.case
async def case_nothing_tells_where_it_went(h: ChannelHarness) -> None:
    """The channel's own repr shows no address and no body, before and after sending."""
    channel = await opened(h)
    await attempt(channel, message(), "k1")
    _expect_silent(repr(channel), "the channel's repr")
    health = await channel.health()
    _expect_silent(repr(health), "the channel's health")
    await channel.aclose()


@notification_kit.case
async def case_open_and_aclose_are_idempotent(h: ChannelHarness) -> None:
    """`open` and `aclose` may be called twice, and `aclose` works on what was never opened."""
    never = h.make()
    await never.aclose()
    channel = h.make()
    await channel.open()
    await channel.open()
    word = await attempt(channel, message(), "k1")
    expect(isinstance(word, Sent), "opened twice, it sends")
    await channel.aclose()
    await channel.aclose()
