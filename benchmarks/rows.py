"""A row of a benchmark, and ways to measure that survive a noisy machine.

Figures mean something inside one run only: what is compared is measured in turns, in one process, and the smallest
of several rounds counts, because everything else on a machine only ever adds time.
"""

import gc
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Literal, TypeVar

import attrs

T = TypeVar("T")
Timer = Callable[[], float]


@attrs.frozen
class Row:
    """One promise and what this run measured.

    Arguments:
        area: the benchmark file's name without ``bench_``.
        name: what was measured, in a few words.
        ours: our figure, in ``unit``.
        limit: what the promise is relative to: the physical limit, or the peer that it names; in ``unit``. None where
            the promise is absolute: then ``ratio`` is ``ours``.
        ratio: the number that is held against the target; by default ``ours / limit``.
        target: the promise. None: the row only informs.
        unit: of ``ours``, ``limit`` and ``peers``; ``"s"`` is shown as ns, µs or ms.
        peers: other figures of the same run, by name.
        better: whether the ratio must be at most (``"lower"``) or at least (``"higher"``) the target.
        note: what a reader must know, in a few words.
    """

    area: str
    name: str
    ours: float
    limit: float | None = None
    ratio: float = attrs.field()
    target: float | None = None
    unit: str = "s"
    peers: Mapping[str, float] = attrs.field(factory=dict[str, float])
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @ratio.default
    def _ours_over_limit(self) -> float:
        return self.ours if self.limit is None else self.ours / self.limit

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds; a row without a target only informs."""
        if self.target is None:
            return True
        return self.ratio <= self.target if self.better == "lower" else self.ratio >= self.target


def best_of(fn: Callable[[], object], /, *, number: int, repeat: int = 7, timer: Timer = time.process_time) -> float:
    """Seconds of CPU per call: the smallest of ``repeat`` rounds of ``number`` calls.

    The loop's own cost (about 10 ns a turn) is included, as in `timeit`.
    """
    return interleaved({"": fn}, number=number, repeat=repeat, timer=timer)[""]


def interleaved(
    calls: Mapping[str, Callable[[], object]], /, *, number: int, repeat: int = 7, timer: Timer = time.process_time
) -> dict[str, float]:
    """Seconds of CPU per call for each of ``calls``, measured in turns so that drift hits all alike.

    Arguments:
        calls: name → function without arguments.
        number: calls a round.
        repeat: rounds; the smallest counts. One more round before them only warms up.
        timer: `time.process_time` for work, `time.perf_counter` where waiting is part of what is promised.
    """
    best = dict.fromkeys(calls, float("inf"))
    for turn in range(repeat + 1):
        for name, fn in calls.items():
            spent = _timed(fn, number, timer)
            if turn:
                best[name] = min(best[name], spent / number)
    return best


async def best_of_async(
    fn: Callable[[], Awaitable[object]], /, *, number: int, repeat: int = 7, timer: Timer = time.process_time
) -> float:
    """`best_of` for what is awaited, on the running loop."""
    return (await interleaved_async({"": fn}, number=number, repeat=repeat, timer=timer))[""]


async def interleaved_async(
    calls: Mapping[str, Callable[[], Awaitable[object]]],
    /,
    *,
    number: int,
    repeat: int = 7,
    timer: Timer = time.process_time,
) -> dict[str, float]:
    """`interleaved` for what is awaited, one after the other on the running loop."""
    best = dict.fromkeys(calls, float("inf"))
    for turn in range(repeat + 1):
        for name, fn in calls.items():
            spent = await _timed_async(fn, number, timer)
            if turn:
                best[name] = min(best[name], spent / number)
    return best


def on_asyncio(work: Callable[[], Coroutine[object, object, T]], /) -> T:
    """Run a measuring coroutine function to its end on a fresh asyncio loop."""
    import asyncio

    return asyncio.run(work())


def _timed(fn: Callable[[], object], number: int, timer: Timer) -> float:
    turns = itertools.repeat(None, number)
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        started = timer()
        for _ in turns:
            fn()
        return timer() - started
    finally:
        if was_on:
            gc.enable()


async def _timed_async(fn: Callable[[], Awaitable[object]], number: int, timer: Timer) -> float:
    turns = itertools.repeat(None, number)
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        started = timer()
        for _ in turns:
            await fn()
        return timer() - started
    finally:
        if was_on:
            gc.enable()
