"""Two hosts keep one copy while calls fail, replies are lost, hosts crash and old backups are put back."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

import anyio
import anyio.lowlevel
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.follower import Follower
from aegis_core.audit.port import Entry
from aegis_core.audit.recent import Recent
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.entropy import SYSTEM_ENTROPY
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.metrics import NO_METRICS
from aegis_core.local.memory.audit import MemoryAudit

#: What becomes of one call of the copy.
CALLS = st.sampled_from(["works", "works", "works", "slow", "fails", "reply lost", "crash", "crash after"])


@attrs.frozen
class Append:
    count: int
    host: int


@attrs.frozen
class Follow:
    host: int
    calls: list[str]


@attrs.frozen
class Both:
    calls: list[list[str]]


@attrs.frozen
class Restart:
    host: int


@attrs.frozen
class Restore:
    kept: float


HOSTS = st.integers(0, 1)
PLANS = st.lists(CALLS, max_size=12)
STEPS = st.lists(
    st.one_of(
        st.builds(Append, st.integers(1, 150), HOSTS),
        st.builds(Follow, HOSTS, PLANS),
        st.builds(Both, st.tuples(PLANS, PLANS).map(list)),
        st.builds(Restart, HOSTS),
        st.builds(Restore, st.floats(0, 1)),
    ),
    max_size=15,
)


class Connection:
    """One host's way to the copy: what becomes of its next calls is planned."""

    name, backends = "memory", MemoryAudit.backends

    def __init__(self, copy: MemoryAudit) -> None:
        self.copy = copy
        self.capabilities = copy.capabilities
        self.plan: Iterator[str] = iter(())
        self.scope: anyio.CancelScope | None = None

    def __getattr__(self, name):
        async def call(*arguments, **options):
            fate = next(self.plan, "works")
            if fate == "slow":
                await anyio.lowlevel.checkpoint()
            if fate == "fails":
                raise AegisError(ErrorCode.UNAVAILABLE, "planned")
            if fate == "crash":
                await self.crash()
            answer = await getattr(self.copy, name)(*arguments, **options)
            await anyio.lowlevel.checkpoint()
            if fate == "reply lost":
                raise AegisError(ErrorCode.UNAVAILABLE, "planned")
            if fate == "crash after":
                await self.crash()
            return answer

        return call

    async def health(self):
        raise NotImplementedError

    def classify(self, exc):
        return self.copy.classify(exc)

    def native(self, type_):
        return self.copy.native(type_)

    async def crash(self):
        assert self.scope is not None
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()


class Hosts:
    def __init__(self) -> None:
        self.primary = MemoryAudit()
        self.copy = MemoryAudit()
        self.connections = [Connection(self.copy), Connection(self.copy)]
        self.findings: list[object] = []
        self.recent = [Recent(), Recent()]
        self.followers = [self.follower(0), self.follower(1)]
        self.number = 0

    def follower(self, host: int) -> Follower:
        return Follower(
            f"from host {host}",
            self.connections[host],
            self.primary,
            self.recent[host],
            found=lambda *told: self.findings.append(told),
            clock=SYSTEM_CLOCK,
            entropy=SYSTEM_ENTROPY,
            metrics=NO_METRICS,
        )

    async def append(self, count: int, host: int = 0) -> None:
        entries = [Entry(UUID(int=self.number + at), b"%d" % (self.number + at)) for at in range(count)]
        self.recent[host].add(await self.primary.append(entries, expected_size=self.number), entries)
        self.number += count

    async def follow(self, host: int, plan: Iterable[str]) -> None:
        connection = self.connections[host]
        connection.plan = iter(plan)
        with anyio.CancelScope() as connection.scope:
            await self.followers[host].catch_up()
        connection.plan = iter(())
        if connection.scope.cancelled_caught:  # whatever it knew is gone with it
            self.followers[host] = self.follower(host)

    async def take(self, step) -> None:
        match step:
            case Append(count, host):
                await self.append(count, host)
            case Follow(host, calls):
                await self.follow(host, calls)
            case Both(calls):
                async with anyio.create_task_group() as group:
                    group.start_soon(self.follow, 0, calls[0])
                    group.start_soon(self.follow, 1, calls[1])
            case Restart(host):
                self.followers[host] = self.follower(host)
            case Restore(kept):
                for entry in self.copy._entries[int(kept * len(self.copy._entries)) :]:
                    del self.copy._index[entry.id]
                del self.copy._entries[len(self.copy._index) :]

    def holds(self) -> bool:
        stored = self.copy._entries
        return stored == self.primary._entries[: len(stored)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(steps=STEPS)
def test_whatever_happens_a_copy_is_a_prefix_of_the_primary_and_equal_in_the_end(backend, steps):
    async def play() -> None:
        hosts = Hosts()
        for step in steps:
            await hosts.take(step)
            assert hosts.holds(), step
        for follower in hosts.followers:
            await follower.catch_up()
            assert (follower.state.failure, follower.state.finding, follower.state.behind) == (None, None, 0)
        assert hosts.copy._entries == hosts.primary._entries
        assert hosts.findings == []

    anyio.run(play, backend=backend)


@given(size=st.integers(1, 600), changed=st.floats(0, 0.999), more=st.integers(0, 200))
def test_an_entry_changed_among_the_last_is_found_and_nothing_is_written_after_it(size, changed, more):
    async def play() -> None:
        hosts = Hosts()
        await hosts.append(size)
        await hosts.follow(0, ())
        at = max(int(changed * size), size - 256)
        stored = hosts.copy._entries
        stored[at] = attrs.evolve(stored[at], body=b"changed")
        damaged = list(stored)
        await hosts.append(more + 1)
        hosts.followers[0] = hosts.follower(0)
        for _ in range(2):
            await hosts.follow(0, ())
        ((_, finding),) = hosts.findings
        assert (finding.index, hosts.followers[0].state.finding) == (at, finding)
        assert hosts.copy._entries == damaged

    anyio.run(play)


async def _diverged(hosts: Hosts) -> object:
    with suppress(AegisError):
        await hosts.follow(0, ())
    ((_, finding),) = hosts.findings
    return finding


@pytest.mark.anyio
@pytest.mark.parametrize("own", [0, 3, 5, 9])
async def test_a_copy_of_another_trail_is_refused_and_left_alone(own):
    hosts = Hosts()
    if own:
        await hosts.append(own)
    others = [Entry(UUID(int=1000 + at), b"of another trail") for at in range(5)]
    await hosts.copy.append(others, expected_size=0)
    await _diverged(hosts)
    assert hosts.copy._entries == others


@pytest.mark.anyio
async def test_an_id_that_the_copy_keeps_for_something_else_is_found_and_not_overwritten():
    hosts = Hosts()
    await hosts.append(300)
    await hosts.follow(0, ())
    stored = list(hosts.copy._entries)
    stored[7] = Entry(UUID(int=400), b"not what the primary will record under this id")
    hosts.copy._entries[:] = stored
    hosts.copy._index[UUID(int=400)] = 7
    await hosts.append(150)
    assert (await _diverged(hosts)).index == 7
    assert [entry.body for entry in hosts.copy._entries[:300]] == [entry.body for entry in stored]


@pytest.mark.anyio
async def test_an_entry_that_the_copy_keeps_at_another_place_is_found():
    hosts = Hosts()
    await hosts.append(300)
    await hosts.follow(0, ())
    await hosts.append(150)
    misplaced = hosts.primary._entries[400]
    hosts.copy._entries[7] = misplaced
    hosts.copy._index[misplaced.id] = 7
    assert (await _diverged(hosts)).index == 7
    assert hosts.copy._entries[7] is misplaced


@pytest.mark.anyio
async def test_what_comes_back_after_a_failure_is_compared_again_though_it_is_as_long():
    hosts = Hosts()
    await hosts.append(300)
    await hosts.follow(0, ())
    await hosts.follow(0, ["fails"])
    hosts.copy._entries[299] = Entry(UUID(int=299), b"put there while nobody looked")
    assert (await _diverged(hosts)).index == 299


@given(
    batches=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([0, 0, 0, 2]), st.sampled_from([False, False, False, True])),
        max_size=20,
    )
)
def test_recent_entries_are_those_at_their_places_or_none_at_all(batches):
    recent, log = Recent(), []
    for count, others, is_one_known in batches:
        log += [Entry(UUID(int=len(log) + at), b"others") for at in range(others)]
        first = len(log)
        log += [Entry(UUID(int=first + at), b"x" * 700_000) for at in range(count)]
        indexes, entries = list(range(first, first + count)), log[first:]
        if is_one_known and first:
            indexes, entries = [0, *indexes], [log[0], *entries]
        recent.add(indexes, entries)
        for start in range(len(log)):
            for stop in (start + 1, start + 3):
                assert recent.between(start, stop) in ([], log[start:stop])
        assert sum(len(entry.body) for entry in recent._entries) == recent._bytes <= 4 << 20
        if not is_one_known:
            assert recent.between(len(log) - 1, len(log)) == log[-1:]
