"""The trail from its newest entry backwards, a page at a time, and never more entries read than said."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import attrs

from aegis_core.audit import StoredEvent
from aegis_core.blocking import AuditTrail

#: Rows of a page.
ROWS: Final = 50
#: Entries that one page may read to find them: a filter that matches nothing must not read a log of years.
MOST: Final = 2_000
_AT_ONCE: Final = 250


@attrs.frozen
class Wanted:
    """Which entries: an action, an account, a time. Empty: all."""

    action: str = ""
    who: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, event: StoredEvent, /) -> bool:
        """Whether it is one of them."""
        return (
            (not self.action or event.action == self.action)
            and (not self.who or event.who == self.who)
            and (self.since is None or event.time >= self.since)
            and (self.until is None or event.time < self.until)
        )


@attrs.frozen
class Page:
    """Some entries, newest first.

    Arguments:
        searched: index of the oldest entry that was looked at.
        size: entries that the trail holds.
    """

    entries: tuple[StoredEvent, ...]
    searched: int
    size: int


def size_of(facts: Mapping[str, str | int | float], /) -> int:
    """Entries of the trail, by its health: of the primary, or where that doesn't say, of the last checkpoint."""
    return max(int(facts.get("entries", 0)), int(facts.get("checkpoint", 0)))


def page_of(trail: AuditTrail, wanted: Wanted, /, *, before: int | None = None) -> Page:
    """Read the newest entries that are wanted. Sealed fields stay sealed, and nothing is written.

    Arguments:
        before: only entries of a lower index.

    Raises:
        AegisError: ``integrity`` at an entry that was changed.
    """
    size = size_of(trail.health().facts)
    stop = size if before is None else max(0, min(before, size))
    lowest, searched = max(0, stop - MOST), stop
    found: list[StoredEvent] = []
    for event in _backwards(trail, lowest, stop):
        searched = event.index if event.index is not None else searched
        if wanted.matches(event):
            found.append(event)
            if len(found) == ROWS:
                break
    return Page(tuple(found), searched, size)


def _backwards(trail: AuditTrail, start: int, stop: int) -> Iterator[StoredEvent]:
    step = ROWS
    while stop > start:
        first = max(start, stop - step)
        yield from reversed(list(trail.stored(first, stop)))
        stop, step = first, _AT_ONCE
