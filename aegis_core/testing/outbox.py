"""A channel that keeps what it is given: to test what an application sends, and what it does when that fails."""

from collections import deque
from typing import Literal, TypeVar

import anyio.lowlevel
import attrs

from aegis_core.kernel.adapter import EVERY_BACKEND
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import UP, Health
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.notifications.model import ChannelKind, Rendered, Sent
from aegis_core.notifications.port import ChannelCapabilities

T = TypeVar("T")

#: ``lose``: the message is delivered and the reply is lost; ``unavailable``: nothing is sent, for now.
Answer = Literal["accept", "refuse", "lose", "unavailable"]


@attrs.frozen
class Arrived:
    """A message as its recipient sees it."""

    to: Classified[str]
    subject: str
    text: str
    html: str | None = None

    @property
    def address(self) -> str:
        """The address in clear."""
        return self.to.reveal(Purpose.OPERATIONS)


class Outbox:
    """A `NotificationChannel` in memory.

    Arguments:
        kind: the kind of channel.
        idempotent: whether it delivers one key once.

    Example:
        ::

            outbox = Outbox()
            outbox.will("unavailable", "accept")          # in this order; after that it accepts
            async with NotificationHub([outbox], keyring, templates=TEMPLATES) as hub:
                await hub.send_immediate(ResultReady(to=patient), key="r-17")
            assert [mail.subject for mail in outbox.delivered] == ["Your result is ready"]
    """

    name = "outbox"
    backends = EVERY_BACKEND

    def __init__(
        self,
        kind: ChannelKind = "email",
        /,
        *,
        idempotent: bool = True,
        html: bool = True,
        largest: int | None = None,
    ) -> None:
        self.kind: ChannelKind = kind
        self.capabilities = ChannelCapabilities(idempotent=idempotent, html=html, largest=largest)
        self.delivered: list[Arrived] = []
        self.attempts = 0
        self._keys: dict[str, Sent] = {}
        self._answers: deque[Answer] = deque()

    def will(self, *answers: Answer) -> None:
        """Say what it answers to the next attempts."""
        self._answers.extend(answers)

    async def open(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def health(self) -> Health:
        return UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return None

    def native(self, type_: type[T], /) -> T | None:
        return self if isinstance(self, type_) else None

    async def send(self, message: Rendered, /, *, key: str) -> Sent:
        await anyio.lowlevel.checkpoint()
        self.attempts += 1
        arrived = Arrived(message.to, message.subject, message.text, message.html)
        if any(char in text for text in (arrived.address, arrived.subject) for char in "\r\n\x00"):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "a header holds a line break", adapter=self.name)
        answer = self._answers.popleft() if self._answers else "accept"
        if answer == "unavailable":
            raise AegisError(ErrorCode.UNAVAILABLE, "the outbox was told to be unavailable", adapter=self.name)
        known = self.capabilities.idempotent and key in self._keys
        if answer == "refuse" and not known:  # a key that was accepted stays accepted
            return Sent("refused", reason="the outbox was told to refuse")
        sent = self._deliver(arrived, key)
        return Sent("uncertain", reason="the reply was lost") if answer == "lose" else sent

    def _deliver(self, arrived: Arrived, key: str) -> Sent:
        before = self._keys.get(key) if self.capabilities.idempotent else None
        if before is not None:
            return before
        self.delivered.append(arrived)
        sent = self._keys[key] = Sent("accepted", reference=f"outbox-{len(self.delivered)}")
        return sent
