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

    def enter(self, value: object, size: int = 1, /) -> str:
        """Step into a value that holds ``size`` others; the empty text if that is allowed, else what stands for it."""
        left = self.left = self.left - size
        if left < 0:
            return "[size]"
        path, address = self.path, id(value)
        if address in path:
            return "[cycle]"
        if len(path) >= MAX_DEPTH:
            return "[depth]"
        path.add(address)
        return ""

    def leave(self, value: object) -> None:
        """Step out of the value that was entered last."""
        self.path.discard(id(value))
