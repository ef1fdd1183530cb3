"""How far a redaction goes into nested values: no circle twice, no deeper than sixteen, no more than ten thousand."""

from typing import Final

SCALARS: Final = frozenset((str, int, float, bool, type(None)))
"""Exact types of values that hold no others and need no look where they bear no mark."""
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 10_000


class Walk:
    """One way down from a value that is written: what encloses the present one, and how many more may be visited.

    Arguments:
        top: the value at which the walk starts.
    """

    __slots__ = ("left", "path")

    def __init__(self, top: object) -> None:
        self.path = {id(top)}
        self.left = MAX_VALUES

    def enter(self, value: object) -> str:
        """Step into a value that holds others; the empty text if that is allowed, else what stands in its place."""
        self.left -= 1
        if self.left < 0:
            return "[size]"
        if id(value) in self.path:
            return "[cycle]"
        if len(self.path) >= MAX_DEPTH:
            return "[depth]"
        self.path.add(id(value))
        return ""

    def leave(self, value: object) -> None:
        """Step out of the value that was entered last."""
        self.path.discard(id(value))
