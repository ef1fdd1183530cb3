"""What a closed breaker costs a call."""

import importlib
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience.breaker import CountingBreaker
from aegis_core.resilience.model import Breaker
from benchmarks.rows import Row, interleaved, interleaved_async, on_asyncio

AREA = "resilience"
THREADS = 4


def call() -> int:
    return 7


async def async_call() -> int:
    return 7


def loop(times: int, fn: Callable[..., object], *args: object) -> Callable[[], None]:
    """Many calls in one, so that the measuring loop costs nothing."""

    def run() -> None:
        if args:
            (only,) = args
            for _ in range(times):
                fn(only)
        else:
            for _ in range(times):
                fn()

    return run


def async_loop(times: int, fn: Callable[..., Awaitable[object]], *args: object) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        if args:
            (only,) = args
            for _ in range(times):
                await fn(only)
        else:
            for _ in range(times):
                await fn()

    return run


def in_threads(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


def peers() -> dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Other breakers for Python, where they are installed: name → decorator."""
    makers: dict[str, Callable[[Any], Any]] = {
        "circuitbreaker": lambda module: module.CircuitBreaker(failure_threshold=5, recovery_timeout=30),
        "pybreaker": lambda module: module.CircuitBreaker(fail_max=5, reset_timeout=30),
        "aiobreaker": lambda module: module.CircuitBreaker(fail_max=5),
    }
    found: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {}
    for name, make in makers.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[name] = make(module)
    return found


def rows(quick: bool) -> Iterable[Row]:
    times, number, repeat = 1_000, 5 if quick else 50, 5 if quick else 15
    breaker = CountingBreaker("lab", Breaker())
    others = peers()

    async def measure() -> dict[str, float]:
        calls = {"bare": async_loop(times, async_call), "ours": async_loop(times, breaker.execute, async_call)}
        for name, decorate in others.items():
            if name != "pybreaker":  # it never opens for a coroutine function
                calls[name] = async_loop(times, decorate(async_call))
        return await interleaved_async(calls, number=number, repeat=repeat)

    yield _row("closed breaker, execute", on_asyncio(measure), times, 3.5, note="limit: a bare await")

    sync = {"bare": loop(times, call), "ours": loop(times, breaker.execute_sync, call)}
    guarded = {name: loop(times, decorate(call)) for name, decorate in others.items()}
    measured = interleaved({**sync, **guarded}, number=number, repeat=repeat)
    yield _row("closed breaker, execute_sync", measured, times, 8.0, note="limit: a bare call")

    often = 10 * times
    threaded = {
        "bare": in_threads(loop(often, call)),
        "ours": in_threads(loop(often, breaker.execute_sync, call)),
        **{name: in_threads(loop(often, decorate(call))) for name, decorate in others.items() if name != "aiobreaker"},
    }
    measured = interleaved(threaded, number=max(1, number // 10), repeat=repeat)
    yield _row(
        f"closed breaker, {THREADS} threads",
        measured,
        THREADS * often,
        6.0,
        note=f"limit: {THREADS} threads of bare calls",
    )

    open_breaker = CountingBreaker("lab", Breaker(failures=1, reset=3600.0))
    fail_once(open_breaker)
    refused = interleaved(
        {"ours": loop(times, refuse, open_breaker), "bare": loop(times, raise_and_catch)}, number=number, repeat=repeat
    )
    yield Row(
        AREA,
        "open breaker, refusal",
        refused["ours"] / times,
        refused["bare"] / times,
        note="limit: making, raising and catching its error",
    )


def fail_once(breaker: CountingBreaker) -> None:
    try:
        breaker.execute_sync(_raise)
    except ConnectionError:
        return


def _raise() -> None:
    raise ConnectionError


def refuse(breaker: CountingBreaker) -> None:
    try:
        breaker.acquire()
    except Exception:  # noqa: BLE001 - the refusal is what is measured
        return


def raise_and_catch() -> None:
    try:
        raise AegisError(ErrorCode.UNAVAILABLE, f"try again in {30.0:.3g} s", operation="lab", retry_after=30.0)
    except AegisError:
        return


def _row(name: str, measured: dict[str, float], times: int, target: float, *, note: str) -> Row:
    per_call = {which: seconds / times for which, seconds in measured.items()}
    ours, limit = per_call.pop("ours"), per_call.pop("bare")
    return Row(AREA, name, ours, limit, target=target, peers=per_call, note=note)
