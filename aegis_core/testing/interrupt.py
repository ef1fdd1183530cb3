"""Cancel a piece of async work at each place where it waits: the systematic way to find what cancellation breaks.

Example:
    Cancel an upload at its first wait, at its second, and so on, until it gets through::

        for step in every_wait():
            await step.run(upload)          # cancelled at the step's wait, or done
            ...                             # old state or new, and nothing in between
"""

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

import anyio
import attrs

T = TypeVar("T")

#: Waits after which the work is taken for endless.
LARGEST_COUNT = 10_000


@attrs.define
class Step:
    """One run: cancelled at wait number ``wait``, counted from 0, unless the work ends before."""

    wait: int
    done: bool = False  #: the work came to its end: cancelled too late, or never
    exhausted: bool = False  #: the work waits less often than this: no later step tells anything new

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], /) -> T | None:
        """Run the work and cancel it at this step's wait.

        Returns:
            What the work returned; None if it was cancelled.
        """
        seen = 0
        result: T | None = None
        with anyio.CancelScope() as scope:

            def waits() -> None:
                nonlocal seen
                if seen == self.wait:
                    scope.cancel()
                seen += 1

            result = await _counted(work(), waits)
            self.done = True
        self.exhausted = seen <= self.wait
        return result


class every_wait:  # noqa: N801 - reads as what it is: `for step in every_wait()`
    """Steps 0, 1, 2 … until the work got through without being cancelled."""

    def __init__(self) -> None:
        self._step: Step | None = None
        self._next = 0

    def __iter__(self) -> "every_wait":
        return self

    def __next__(self) -> Step:
        if (self._step is not None and self._step.exhausted) or self._next > LARGEST_COUNT:
            raise StopIteration
        self._step = Step(self._next)
        self._next += 1
        return self._step


@types.coroutine
def _drive(work: Coroutine[Any, Any, T], waits: Callable[[], None]) -> Generator[Any, Any, T]:
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            if error is None:
                trap = work.send(value)
            else:
                thrown, error = error, None
                trap = work.throw(thrown)
        except StopIteration as stop:
            result: T = stop.value
            return result
        waits()
        try:
            value = yield trap
        except BaseException as caught:  # noqa: BLE001 - handed on to the work, whatever it is
            error = caught


def _counted(work: Coroutine[Any, Any, T], waits: Callable[[], None]) -> Awaitable[T]:
    return _drive(work, waits)
