"""The fast breaker and the pure fold agree after any sequence of calls, outcomes and waits."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aegis_core.kernel.errors import AegisError
from aegis_core.resilience.breaker import CountingBreaker
from aegis_core.resilience.fold import Admitted, Rejected, State, admit, at, fold, is_late, isolate
from aegis_core.resilience.model import Breaker
from aegis_core.resilience.port import BreakerState, Outcome
from aegis_core.testing.kits.breaker import SteppedClock

POLICIES = st.builds(
    Breaker,
    failures=st.integers(1, 4),
    window=st.sampled_from([1.0, 2.5, 10.0]),
    reset=st.sampled_from([0.1, 1.0, 3.0]),
    probes=st.integers(1, 3),
)


class BreakerMachine(RuleBasedStateMachine):
    @initialize(policy=POLICIES)
    def start(self, policy):
        self.policy = policy
        self.clock = SteppedClock()
        self.breaker = CountingBreaker("lab", policy, clock=self.clock)
        self.state = State()
        self.permits = []
        self.late = self.rejected = self.counted = self.opened = 0

    @rule()
    def a_call_asks_to_go_out(self):
        wanted = admit(self.state, self.clock.now, self.policy)
        self.state = wanted.state
        try:
            permit = self.breaker.acquire()
        except AegisError as error:
            assert isinstance(wanted, Rejected)
            assert error.retry_after == wanted.retry_after
            self.rejected += 1
        else:
            assert isinstance(wanted, Admitted)
            assert permit == wanted.permit
            self.permits.append(permit)

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome), again=st.booleans())
    def a_call_ends(self, data, outcome, again):
        index = data.draw(st.integers(0, len(self.permits) - 1))
        permit = self.permits[index] if again else self.permits.pop(index)
        before = at(self.state, self.clock.now)
        late = is_late(before, permit)
        self.late += late
        self.counted += not late and outcome is Outcome.FAILURE
        self.state = fold(self.state, permit, outcome, self.clock.now, self.policy)
        self.opened += self.state.kind is BreakerState.OPEN and before.kind is not BreakerState.OPEN
        if late:
            assert self.state == before
        self.breaker.settle(permit, outcome)

    @rule(seconds=st.sampled_from([0.05, 0.5, 1.0, 2.5, 3.0, 10.0]))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule()
    def the_time_to_wait_passes(self):
        wanted = admit(self.state, self.clock.now, self.policy)
        if isinstance(wanted, Rejected) and wanted.retry_after is not None:
            self.clock.now += wanted.retry_after
            assert isinstance(admit(self.state, self.clock.now, self.policy), Admitted)

    @rule(on=st.booleans())
    def it_is_isolated_or_not(self, on):
        self.state = isolate(self.state, on)
        self.breaker.isolate("by hand" if on else None)

    @invariant()
    def they_agree(self):
        if not hasattr(self, "state"):
            return
        now = at(self.state, self.clock.now)
        assert self.breaker.get_state() is now.kind
        metrics = self.breaker.get_metrics()
        assert (metrics.late, metrics.rejected, metrics.failures, metrics.opened) == (
            self.late,
            self.rejected,
            self.counted,
            self.opened,
        )
        assert len(now.leases) + now.succeeded <= self.policy.probes
        assert len(now.failed_at) <= self.policy.failures
        assert all(math.isfinite(end) for _, end in now.leases)


BreakerMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestTheFastBreakerFollowsTheFold = BreakerMachine.TestCase
