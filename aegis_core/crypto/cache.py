"""Unwrapped keys for a while: bounded in time and number, and emptied at once when a key is shredded."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Values by name, for `lifetime` seconds after they were asked for, at most `largest`: the oldest goes first.

    Arguments:
        monotonic: seconds that never go backwards.
        lifetime: seconds.
        largest: number of values.
    """

    __slots__ = ("_held", "_largest", "_lifetime", "_monotonic", "purges")

    def __init__(self, monotonic: Callable[[], float], /, *, lifetime: float, largest: int) -> None:
        self._monotonic = monotonic
        self._lifetime = lifetime
        self._largest = largest
        self._held: dict[str, tuple[float, T]] = {}
        #: How often something was purged: what was read before a purge must not be kept after it.
        self.purges = 0

    def get(self, name: str, /) -> T | None:
        """The value, unless its time is over."""
        held = self._held.get(name)
        if held is None:
            return None
        if self._monotonic() < held[0]:
            return held[1]
        self._held.pop(name, None)
        return None

    def put(self, name: str, value: T, /, *, asked: float, purges: int | None = None) -> None:
        """Keep a value.

        Arguments:
            asked: when it was asked for, in monotonic seconds: its age counts from there.
            purges: `purges` at that time; another number now means that it may be shredded already.
        """
        if purges is not None and purges != self.purges:
            return
        self._held.pop(name, None)
        self._held[name] = (asked + self._lifetime, value)
        while len(self._held) > self._largest:
            del self._held[next(iter(self._held))]

    def purge(self, matches: Callable[[str], bool], /) -> None:
        """Forget every value whose name matches, and those that are being fetched now."""
        self.purges += 1
        for name in [name for name in self._held if matches(name)]:
            del self._held[name]

    def clear(self) -> None:
        """Forget everything."""
        self.purge(lambda _name: True)

    def __len__(self) -> int:
        return len(self._held)
