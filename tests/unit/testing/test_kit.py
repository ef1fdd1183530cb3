"""Kits give true verdicts, with and without a test framework."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import anyio
import attrs
import pytest

from aegis_core.kernel.adapter import Capabilities
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.testing.kit import (
    BrokenHarness,
    HarnessFactory,
    Kit,
    NotKept,
    expect,
    expect_error,
    kill_rate,
    pytest_cases,
    run_kit,
)


@attrs.frozen
class CounterCapabilities(Capabilities):
    resets: bool = False


class Counter:
    def __init__(self, step: int = 1, *, resets: bool = False, honest: bool = True) -> None:
        self.value = 0
        self.step = step
        self.resets = resets
        self.honest = honest

    async def next(self) -> int:
        await anyio.lowlevel.checkpoint()
        self.value += self.step
        return self.value

    async def reset(self) -> None:
        if not self.resets and self.honest:
            raise UnsupportedCapability("resets")
        self.value = 0


class CounterHarness:
    def __init__(self, make: Callable[[], Counter], *, resets: bool) -> None:
        self.make = make
        self.capabilities = CounterCapabilities(resets=resets)
        self.left = False


counter_kit: Kit[CounterHarness] = Kit("counter/1")


@counter_kit.case
async def case_counts_by_one(h: CounterHarness) -> None:
    """It counts by one."""
    counter = h.make()
    expect([await counter.next(), await counter.next()] == [1, 2], "counts by one")


@counter_kit.case(needs="resets")
async def case_resets(h: CounterHarness) -> None:
    counter = h.make()
    await counter.next()
    await counter.reset()
    expect(await counter.next() == 1, "starts again")


@counter_kit.case(without="resets")
async def case_undeclared_reset_is_refused(h: CounterHarness) -> None:
    with expect_error(ErrorCode.UNSUPPORTED):
        await h.make().reset()


def factory(step: int = 1, *, resets: bool = False, honest: bool = True) -> HarnessFactory[CounterHarness]:
    @asynccontextmanager
    async def harness() -> AsyncIterator[CounterHarness]:
        yield CounterHarness(lambda: Counter(step, resets=resets, honest=honest), resets=resets)

    return harness


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_without_a_framework_reports_passed_failed_and_skipped(backend: Literal["asyncio", "trio"]) -> None:
    sound = run_kit(counter_kit, factory(), backend=backend)
    assert sound.ok
    assert sound.passed == ("counts_by_one", "undeclared_reset_is_refused")
    assert sound.skipped == ("resets",)
    faulty = run_kit(counter_kit, factory(2), backend=backend)
    assert faulty.failed == ("counts_by_one",)
    assert not faulty.ok
    assert "NotKept: counts by one" in str(faulty)


def test_kill_rate_names_survivors() -> None:
    report = kill_rate(
        counter_kit,
        {"by two": factory(2), "takes undeclared": factory(honest=False), "no bug at all": factory()},
    )
    assert report.survivors == ("no bug at all",)
    assert report.killed_by["by two"] == ("counts_by_one",)
    assert report.killed_by["takes undeclared"] == ("undeclared_reset_is_refused",)
    assert report.rate == pytest.approx(2 / 3)
    assert "SURVIVED" in str(report)


def test_a_harness_that_cannot_be_entered_kills_nothing() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[CounterHarness]:
        raise TypeError("no such argument")
        yield

    with pytest.raises(BrokenHarness):
        kill_rate(counter_kit, {"typo": broken})


def test_a_case_that_hangs_fails() -> None:
    kit: Kit[CounterHarness] = Kit("hang/1")

    @kit.case
    async def case_hangs(_h: CounterHarness) -> None:
        await anyio.sleep_forever()

    assert run_kit(kit, factory(), limit=0.05).failed == ("hangs",)


def test_the_harness_is_left_when_a_case_fails() -> None:
    left: list[bool] = []

    @asynccontextmanager
    async def watched() -> AsyncIterator[CounterHarness]:
        try:
            yield CounterHarness(lambda: Counter(2), resets=True)
        finally:
            left.append(True)

    assert run_kit(counter_kit, watched).failed
    assert left == [True, True, True]


def test_expect_error_wants_the_very_code() -> None:
    with pytest.raises(NotKept, match="not_found"), expect_error(ErrorCode.NOT_FOUND):
        pass
    with pytest.raises(NotKept, match="not conflict"), expect_error(ErrorCode.NOT_FOUND):
        raise AegisError(ErrorCode.CONFLICT, "x")
    with pytest.raises(ZeroDivisionError), expect_error(ErrorCode.NOT_FOUND):
        raise ZeroDivisionError
    with expect_error(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT) as caught:
        raise AegisError(ErrorCode.CONFLICT, "x")
    assert caught[0].code is ErrorCode.CONFLICT


def test_two_cases_of_one_name_are_refused() -> None:
    kit: Kit[CounterHarness] = Kit("twice/1")
    kit.case(case_resets)
    with pytest.raises(ValueError, match="resets"):
        kit.case(case_resets)


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(counter_kit, {"plain": factory(), "resetting": factory(resets=True)}))
async def test_cases_run_under_pytest(check: Callable[[], object]) -> None:
    await check()  # type: ignore[misc]
