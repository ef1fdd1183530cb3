"""The last entries that this process appended, for who needs them soon: reading them back would cost more."""

from collections.abc import Sequence
from typing import Final

from aegis_core.audit.port import Entry

#: Bytes of entries that are kept, about; what is older is read back from the primary.
_MOST: Final = 4 << 20


class Recent:
    """A run of entries without a gap, ending with the newest."""

    __slots__ = ("_bytes", "_entries", "_first")

    def __init__(self) -> None:
        self._first = 0
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, indexes: Sequence[int], entries: Sequence[Entry], /) -> None:
        """Take over what was appended, as the sink answered."""
        end = self._first + len(self._entries)
        if (indexes[0], indexes[-1]) != (end, end + len(indexes) - 1):  # others appended, too, or some were known
            self._first, self._entries, self._bytes = indexes[-1] + 1, [], 0
            if indexes[-1] - indexes[0] != len(indexes) - 1:
                return
            self._first = indexes[0]
        self._entries += entries
        self._bytes += sum(len(entry.body) for entry in entries)
        while self._bytes > _MOST:
            half = (len(self._entries) + 1) // 2
            self._bytes -= sum(len(entry.body) for entry in self._entries[:half])
            del self._entries[:half]
            self._first += half

    def between(self, start: int, stop: int, /) -> list[Entry]:
        """Entries ``start`` to ``stop``, or nothing if not all of them are here."""
        if start < self._first or stop > self._first + len(self._entries):
            return []
        return self._entries[start - self._first : stop - self._first]
