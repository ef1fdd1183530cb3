"""Events of a trail one after the other, read from the primary page by page."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol, Self, TypeVar

from aegis_core.audit.model import StoredEvent
from aegis_core.audit.port import AuditSink, Entry
from aegis_core.audit.sealing import Seals
from aegis_core.kernel.failing import Wrapping
from aegis_core.marks.classified import Classified

_PAGE: Final = 256

E_co = TypeVar("E_co", bound=StoredEvent, covariant=True)


class Reads(Protocol[E_co]):
    """Makes an event of an entry's body; None: it has none of a subject's tokens."""

    async def __call__(self, body: bytes, index: int, /, *, tokens: Sequence[str] | None) -> E_co | None: ...


class Reading(AsyncIterator[E_co]):
    """Iterates over stored events. A class, not a generator: whoever leaves it early has nothing to close.

    Arguments:
        read: what becomes of an entry.
        start: index of the first event.
        stop: index behind the last; None: all there are at the first step.
        subject: only events about whom.
        tenant: whose tenant.
    """

    def __init__(
        self,
        sink: AuditSink,
        read: Reads[E_co],
        seals: Seals,
        start: int,
        stop: int | None,
        /,
        *,
        subject: Classified[str] | None,
        tenant: str,
    ) -> None:
        self._sink = sink
        self._read = read
        self._seals = seals
        self._next = max(start, 0)
        self._stop = stop
        self._subject = subject
        self._tenant = tenant
        self._tokens: Sequence[str] | None = None
        self._end: int | None = None
        self._page: list[Entry] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E_co:
        while True:
            if not self._page:
                await self._turn()
            entry = self._page.pop()
            index, self._next = self._next, self._next + 1
            event = await self._read(entry.body, index, tokens=self._tokens)
            if event is not None:
                return event

    async def _turn(self) -> None:
        """Read the next page."""
        if self._end is None:
            if self._subject is not None:
                self._tokens = await self._seals.tokens(self._subject, tenant=self._tenant)
            with Wrapping(self._sink, "audit.entries"):
                size = await self._sink.size()
            self._end = size if self._stop is None else min(self._stop, size)
        if self._next >= self._end:
            raise StopAsyncIteration
        with Wrapping(self._sink, "audit.entries"):
            page = await self._sink.read(self._next, min(self._end, self._next + _PAGE))
        if not page:
            raise StopAsyncIteration
        self._page = list(reversed(page))
