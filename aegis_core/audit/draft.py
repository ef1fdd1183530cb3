"""An event on its way into the trail: what was captured when it was submitted."""

import asyncio
from typing import Final, Protocol

from aegis_core.kernel.context import Context
from aegis_core.kernel.recorder import AuditEvent, Receipt

SUBJECT_DOMAIN: Final = b"aegis/audit/subject/v1\x00"


class Answer(Protocol):
    """Where the receipt goes, or the error. A `Pending` is one."""

    def resolve(self, value: Receipt, /) -> None: ...

    def fail(self, error: BaseException, /) -> None: ...


class LoopAnswer:
    """An answer that is awaited on the trail's own asyncio loop: half the cost of one that any thread may wait for."""

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop, /) -> None:
        self.future: asyncio.Future[Receipt] = loop.create_future()

    def resolve(self, value: Receipt, /) -> None:
        if not self.future.done():  # whoever waited may be cancelled
            self.future.set_result(value)

    def fail(self, error: BaseException, /) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Draft:
    """One submitted event, the context of that moment, and whoever waits for its receipt."""

    __slots__ = ("answer", "context", "event", "time_ns")

    def __init__(self, event: AuditEvent, context: Context, time_ns: int, answer: Answer) -> None:
        self.event = event
        self.context = context
        self.time_ns = time_ns
        self.answer = answer


def subject_context(token: str, /) -> bytes:
    """What a sealed subject is bound to: the token that finds it."""
    return SUBJECT_DOMAIN + token.encode()


def own_loop() -> asyncio.AbstractEventLoop | None:
    """The asyncio loop that runs here; None on trio, and where no loop runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
