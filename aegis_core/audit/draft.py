"""An event on its way into the trail: what was captured when it was submitted."""

import asyncio
from typing import Final, TypeAlias

from aegis_core.kernel.context import Context
from aegis_core.kernel.errors import AegisError
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent, Receipt

SUBJECT_DOMAIN: Final = b"aegis/audit/subject/v1\x00"


#: Where the receipt goes, or the error. A bare future of the trail's own loop costs half as much as a `Pending`,
#: which any thread may wait for.
Answer: TypeAlias = "Pending[Receipt] | asyncio.Future[Receipt]"


def give(answer: Answer, receipt: Receipt, /) -> None:
    """Answer with a receipt. On the trail's own loop."""
    if isinstance(answer, Pending):
        answer.resolve(receipt)
    elif not answer.done():  # whoever waited may be cancelled
        answer.set_result(receipt)


def refuse(answer: Answer, error: AegisError, /) -> None:
    """Answer with an error. On the trail's own loop."""
    if isinstance(answer, Pending):
        answer.fail(error)
    elif not answer.done():
        answer.set_exception(error)


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
