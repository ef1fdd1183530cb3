"""The counting breaker keeps the port's promises, and the kit rejects the known mistakes of breakers."""

import threading
from contextlib import asynccontextmanager

import attrs
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.resilience.breaker import CountingBreaker
from aegis_core.resilience.port import Outcome
from aegis_core.testing.kit import kill_rate, pytest_cases
from aegis_core.testing.kits.breaker import BreakerHarness, breaker_kit


def harness(breaker_class):
    @asynccontextmanager
    async def factory():
        yield BreakerHarness(lambda policy, clock: breaker_class("lab", policy, clock=clock))

    return factory


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(breaker_kit, {"counting": harness(CountingBreaker)}))
async def test_the_counting_breaker_keeps_its_promises(check):
    await check()


class OneProbeTooMany(CountingBreaker):
    def __init__(self, name, policy, **options):
        super().__init__(name, attrs.evolve(policy, probes=policy.probes + 1), **options)


class CountsCancelledCalls(CountingBreaker):
    def _judge(self, error):
        return Outcome.FAILURE


class CountsLateResults(CountingBreaker):
    def _settle(self, permit, outcome):
        current = self._door or next(iter(self._leases), permit)
        super()._settle(current, outcome)


class LateSuccessCloses(CountingBreaker):
    def settle(self, permit, outcome):
        super().settle(permit, outcome)
        if outcome is Outcome.SUCCESS and not self._door:
            self._close()


class HoldsALockInTheCall(CountingBreaker):
    __slots__ = ("_call",)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._call = threading.RLock()

    def execute_sync(self, fn, *args, **kwargs):
        with self._call:
            return super().execute_sync(fn, *args, **kwargs)


class ReplacesTheException(CountingBreaker):
    async def execute(self, fn, *args, **kwargs):
        try:
            return await super().execute(fn, *args, **kwargs)
        except AegisError:
            raise
        except Exception as error:
            raise AegisError(ErrorCode.UNAVAILABLE, "the call failed") from error


class KeepsThePermitOfACancelledProbe(CountingBreaker):
    def _settle(self, permit, outcome):
        if outcome is not Outcome.IGNORED:
            super()._settle(permit, outcome)


class ReadsTheWallClock(CountingBreaker):
    def __init__(self, name, policy, *, clock):
        super().__init__(name, policy, clock=clock)
        self._monotonic = lambda: clock.wall_ns() / 1e9


class PromisesTooMuch(CountingBreaker):
    def _admit(self):
        try:
            return super()._admit()
        except AegisError as error:
            error.retry_after = error.retry_after and error.retry_after * 0.9
            raise


class CountsWithoutAWindow(CountingBreaker):
    def __init__(self, name, policy, **options):
        super().__init__(name, attrs.evolve(policy, window=1e9), **options)


class LosesLeasesForEver(CountingBreaker):
    def _admit(self):
        permit = super()._admit()
        self._leases = {number: float("inf") for number in self._leases}
        return permit


BUGS = {
    "N+1 probes": OneProbeTooMany,
    "cancel counted": CountsCancelledCalls,
    "late result counted": CountsLateResults,
    "late success closes": LateSuccessCloses,
    "lock held in the call": HoldsALockInTheCall,
    "exception replaced": ReplacesTheException,
    "cancelled probe keeps its permit": KeepsThePermitOfACancelledProbe,
    "wall clock": ReadsTheWallClock,
    "retry_after too short": PromisesTooMuch,
    "no window": CountsWithoutAWindow,
    "lost probe for ever": LosesLeasesForEver,
}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_kit_rejects_every_planted_bug(backend, capsys, monkeypatch):
    monkeypatch.setattr("aegis_core.testing.kits.breaker.PATIENCE", 0.5)
    monkeypatch.setattr("aegis_core.testing.kits.breaker.CALLERS", 1000)
    report = kill_rate(breaker_kit, {bug: harness(kind) for bug, kind in BUGS.items()}, backend=backend)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
    assert report.rate == 1.0
