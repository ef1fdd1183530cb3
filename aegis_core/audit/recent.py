"""The last entries that this process appended, for who needs them soon: reading them back would cost more."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from aegis_core.audit.port import Entry

#: Bytes of entries that are kept at most; what is older is read back from the primary. A copy that takes a breath at
#: full speed still finds all of it here.
_MOST: Final = 4 << 20


class Recent:
    """A run of entries without a gap, ending with the newest."""

    __slots__ = ("_batches", "_bytes", "_entries", "_first")

    def __init__(self) -> None:
        self._first = 0
        self._entries: list[Entry] = []
        self._batches: deque[tuple[int, int]] = deque()  # entries and bytes of each
        self._bytes = 0

    def add(self, indexes: Sequence[int], entries: Sequence[Entry], /) -> None:
        """Take over what was appended, as the sink answered."""
        end = self._first + len(self._entries)
        if (indexes[0], indexes[-1]) != (end, end + len(indexes) - 1):  # others appended, too, or some were known
            self._entries, self._bytes = [], 0
            self._batches.clear()
            if indexes[-1] - indexes[0] != len(indexes) - 1:
                self._first = indexes[-1] + 1
                return
            self._first = indexes[0]
        size = sum([len(entry.body) for entry in entries])
        self._entries += entries
        self._batches.append((len(entries), size))
        self._bytes += size
        dropped = 0
        while self._bytes > _MOST:
            count, size = self._batches.popleft()
            dropped += count
            self._bytes -= size
        if dropped:
            del self._entries[:dropped]
            self._first += dropped

    def between(self, start: int, stop: int, /) -> list[Entry]:
        """Entries ``start`` to ``stop``, or nothing if not all of them are here."""
        if start < self._first or stop > self._first + len(self._entries):
            return []
        return self._entries[start - self._first : stop - self._first]
