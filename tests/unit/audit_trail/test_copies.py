"""A trail with copies: they follow, nobody waits for one, and one that was tampered with is found and left alone."""

import anyio
import attrs
import pytest

from aegis_core.audit import copies
from aegis_core.audit.copies import CopyDiverged
from aegis_core.audit.follower import BREATH, POLL
from aegis_core.audit.model import FindingKind
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.port import Entry
from aegis_core.audit.sinkcheck import verify_sink
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.audit import FileAudit
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.sqlite.audit import SqliteAudit
from aegis_core.marks.purpose import Purpose
from aegis_core.testing.faults import Faults

from .conftest import ReportFiled, Started, doctor, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def copy(tmp_path):
    return FileAudit(tmp_path / "copy")


@pytest.fixture
def faults():
    return Faults()


async def fill(trail, count: int) -> None:
    for pending in [trail.submit(Started(number)) for number in range(count)]:
        await pending


async def everything(sink) -> list[Entry]:
    size, found = await sink.size(), []
    while len(found) < size:
        found += await sink.read(len(found), size)
    return found


async def keys_of(trail):
    return [VerifierKey.decode(text) for text in await trail.verifier_keys()]


class Numbers:
    """Metrics that can be read."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], float] = {}

    def counter(self, name, /, **labels):
        key = (name, labels.get("copy", ""))
        self.values.setdefault(key, 0)

        def add(amount):
            self.values[key] += amount

        return add

    def gauge(self, name, /, **labels):
        return lambda value: self.values.__setitem__((name, labels.get("copy", "")), value)

    def histogram(self, name, /, **labels):
        return lambda value: None


# Following


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
async def test_a_copy_becomes_what_the_primary_is(clinic, tmp_path, kind):
    copy = {
        "memory": MemoryAudit,
        "file": lambda: FileAudit(tmp_path / "copy"),
        "sqlite": lambda: SqliteAudit(tmp_path / "copy.db"),
    }[kind]()
    trail = await clinic.trail(copies={"offsite": copy})
    with doctor():
        await trail.record(ReportFiled("r"))
    await fill(trail, 2500)
    state = (await trail.catch_up())["offsite"]
    assert (state.size, state.behind, state.failure, state.finding) == (2501, 0, None, None)
    assert await everything(copy) == await everything(clinic.sink_of(trail))
    assert (await trail.verify(copy="offsite")).intact


async def test_a_copy_follows_by_itself_each_time_something_is_recorded(clinic):
    copy = MemoryAudit()
    trail = await clinic.trail(copies={"offsite": copy})
    for count in (1, 2, 3):
        await trail.record(Started(count))
        while await copy.size() < count:
            clinic.clock.advance(BREATH)
            await anyio.wait_all_tasks_blocked()


async def test_what_another_host_records_is_copied_without_being_told(clinic):
    copy = MemoryAudit()
    trail = await clinic.trail(clinic.memory, copies={"offsite": copy})
    await anyio.wait_all_tasks_blocked()
    await clinic.memory.append([Entry(Started().event_id, b"{}")], expected_size=0)
    clinic.clock.advance(BREATH)
    await anyio.wait_all_tasks_blocked()
    assert trail.copies()["offsite"].size == 0
    clinic.clock.advance(POLL)
    await until(lambda: trail.copies()["offsite"].size == 1)


async def test_a_copy_is_brought_up_when_the_trail_is_opened_again(clinic, copy):
    trail = await clinic.trail()
    await fill(trail, 1200)
    await trail.aclose()
    trail = await clinic.trail(copies={"offsite": copy})
    assert (await trail.catch_up())["offsite"].behind == 0
    assert await copy.size() == 1200


async def test_two_trails_that_copy_to_one_place_double_nothing(clinic, tmp_path):
    trails = [await clinic.trail(copies={"offsite": FileAudit(tmp_path / "copy")}) for _ in range(2)]
    for _ in range(5):
        async with anyio.create_task_group() as group:
            for trail in trails:
                group.start_soon(fill, trail, 120)
                group.start_soon(trail.catch_up)
    for trail in trails:
        state = (await trail.catch_up())["offsite"]
        assert (state.size, state.finding, state.failure) == (1200, None, None)
    assert await everything(trails[0]._copies._sinks["offsite"]) == await everything(clinic.sink_of(trails[0]))


async def test_large_entries_are_copied_in_small_batches(clinic):
    copy, batches = MemoryAudit(), []

    class Counting(MemoryAudit):
        async def append(self, entries, /, *, expected_size):
            batches.append(sum(len(entry.body) for entry in entries))
            return await copy.append(entries, expected_size=expected_size)

        async def size(self):
            return await copy.size()

    entries = [Entry(Started().event_id, b"x" * 50_000) for _ in range(400)]
    await clinic.memory.append(entries, expected_size=0)
    trail = await clinic.trail(clinic.memory, copies={"offsite": Counting()})
    await trail.catch_up()
    assert await copy.size() == 400
    assert max(batches) <= 5 << 20


# Nobody waits


async def test_a_copy_that_is_down_at_the_start_keeps_nothing_from_being_recorded(clinic, copy, faults):
    faults.add("copy.open", nth=range(1, 4))
    numbers = Numbers()
    trail = await clinic.trail(copies={"offsite": faults.wrap(copy, "copy")}, metrics=numbers)
    await fill(trail, 10)
    await until(lambda: trail.copies()["offsite"].failure)
    health = await trail.health()
    assert (health.state, health.facts["copy_offsite_behind"]) == ("degraded", -1)
    assert "offsite" in health.detail
    assert trail.copies()["offsite"].size is None
    await until(lambda: trail.copies()["offsite"].size == 10 or clinic.clock.advance(1))
    health = await trail.health()
    assert (health.state, health.facts["copy_offsite_behind"]) == ("up", 0)
    assert numbers.values["aegis_audit_copy_failures_total", "offsite"] == 3
    assert numbers.values["aegis_audit_copied_total", "offsite"] == 10
    assert numbers.values["aegis_audit_copy_behind_entries", "offsite"] == 0


async def test_a_copy_that_goes_away_is_asked_less_and_less_often(clinic, faults):
    faults.add("copy.size", nth=range(2, 1000))
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    await until(lambda: trail.copies()["offsite"].size == 0)
    await fill(trail, 3)
    for _ in range(600):
        clinic.clock.advance(1)
        await anyio.wait_all_tasks_blocked()
    assert 10 <= faults.calls["copy.size"] <= 40
    assert trail.copies()["offsite"].behind == 3


async def test_a_copy_that_hangs_delays_no_record_and_closing_by_a_moment_only(clinic, faults, monkeypatch):
    monkeypatch.setattr(copies, "CLOSING", 0.05)
    faults.add("copy.append", kind="hang")
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    with anyio.fail_after(20):
        await fill(trail, 50)
        await until(lambda: faults.calls.get("copy.append") or clinic.clock.advance(BREATH))
        await fill(trail, 50)
    await trail.aclose()
    state = trail.copies()["offsite"]
    assert (state.size, state.behind) == (0, 100)


@pytest.mark.parametrize("error", [TypeError("Somchai Jaidee"), OSError(28, "Somchai Jaidee"), RuntimeError()])
async def test_whatever_a_copy_raises_the_trail_goes_on_and_repeats_no_text_of_it(clinic, faults, error):
    faults.add("copy.append", nth=1, error=error)
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    await fill(trail, 5)
    await until(lambda: trail.copies()["offsite"].failure or clinic.clock.advance(BREATH))
    failure = trail.copies()["offsite"].failure
    assert (failure.operation, failure.adapter) == ("audit.copy", "memory")
    assert "Somchai" not in f"{failure}{failure!r}{(await trail.health()).detail}{failure.__cause__}"
    await fill(trail, 5)
    assert (await trail.catch_up())["offsite"].size == 10


async def test_a_primary_that_goes_away_is_no_fault_of_the_copy(clinic, faults):
    faults.add("primary.read", nth=1, kind="unavailable")
    trail = await clinic.trail(faults.wrap(clinic.memory, "primary"), copies={"offsite": MemoryAudit()})
    await fill(trail, 2)
    await until(lambda: trail.copies()["offsite"].size == 2 or clinic.clock.advance(1))
    assert trail.copies()["offsite"].finding is None


async def test_closing_brings_copies_up_first(clinic, copy):
    trail = await clinic.trail(copies={"offsite": copy})
    await fill(trail, 700)
    await trail.aclose()
    assert (trail.copies()["offsite"].size, trail.copies()["offsite"].behind) == (700, 0)
    await copy.open()
    assert await copy.size() == 700
    await copy.aclose()


async def test_closing_twice_closes_copies_once(clinic, faults):
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    await fill(trail, 3)
    await trail.aclose()
    before, state = dict(faults.calls), trail.copies()["offsite"]
    await trail.aclose()
    assert (dict(faults.calls), trail.copies()["offsite"]) == (before, state)
    assert before["copy.aclose"] == 1


async def test_the_primary_is_no_copy_of_itself(clinic):
    with pytest.raises(AegisError) as caught:
        await clinic.trail(clinic.memory, copies={"offsite": clinic.memory})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    twice = MemoryAudit()
    with pytest.raises(AegisError, match="place of its own"):
        await clinic.trail(copies={"one": twice, "two": twice})


# What is none


def changed(sink: MemoryAudit, index: int) -> None:
    sink._entries[index] = attrs.evolve(sink._entries[index], body=sink._entries[index].body.replace(b"app", b"epp"))


async def test_a_copy_that_was_tampered_with_is_left_alone_and_on_record(clinic):
    copy, numbers = MemoryAudit(), Numbers()
    trail = await clinic.trail(copies={"offsite": copy})
    await fill(trail, 20)
    await trail.catch_up()
    await trail.aclose()
    changed(copy, 17)
    damaged = await everything(copy)

    trail = await clinic.trail(copies={"offsite": copy, "other": MemoryAudit()}, metrics=numbers)
    await fill(trail, 5)
    await trail.catch_up()
    state = trail.copies()["offsite"]
    assert (state.finding.kind, state.finding.index, state.behind) == (FindingKind.ENTRY, 17, None)
    assert await everything(copy) == damaged
    await until(lambda: trail.copies()["other"].size == 26 or clinic.clock.advance(1))
    *_, last = [event async for event in trail.entries()]
    assert (last.action, last.outcome, last.data) == ("audit.copy_diverged", "failed", {"copy": "offsite", "index": 17})
    health = await trail.health()
    assert (health.state, health.facts["copy_offsite_behind"]) == ("degraded", -1)
    assert "entry 17" in health.detail
    assert numbers.values["aegis_audit_copy_failures_total", "offsite"] == 1


async def test_a_copy_that_is_ahead_of_its_primary_is_none(clinic):
    copy = MemoryAudit()
    trail = await clinic.trail(MemoryAudit(), copies={"offsite": copy})
    await copy.append([Entry(Started().event_id, b"{}")], expected_size=0)
    assert (await trail.catch_up())["offsite"].finding.kind is FindingKind.HISTORY


async def test_a_copy_that_finds_itself_damaged_is_none(clinic, faults):
    faults.add("copy.size", nth=1, kind="integrity")
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    assert (await trail.catch_up())["offsite"].finding is not None


async def test_it_is_recorded_once_that_a_copy_is_none(clinic):
    copy = MemoryAudit()
    await copy.append([Entry(Started().event_id, b"{}")], expected_size=0)
    trail = await clinic.trail(copies={"offsite": copy})
    for _ in range(5):
        await trail.catch_up()
        clinic.clock.advance(5)
    await trail.checkpoint()
    assert [event.action async for event in trail.entries()] == [CopyDiverged.action]


# Verifying


async def two_places(clinic, count: int = 300):
    copy = MemoryAudit()
    trail = await clinic.trail(copies={"offsite": copy})
    with doctor():
        await trail.record(ReportFiled("r"))
    await fill(trail, count - 1)
    await trail.catch_up()
    return trail, copy, await trail.checkpoint()


@pytest.mark.parametrize("count", [1, 256, 257, 700])
async def test_a_copy_is_verified_against_the_signed_checkpoint(clinic, count):
    trail, copy, checkpoint = await two_places(clinic, count)
    for verdict in (
        await trail.verify(copy="offsite"),
        await verify_sink(copy, checkpoint.note, await keys_of(trail)),
    ):
        assert (verdict.intact, verdict.size, verdict.root) == (True, count, checkpoint.root), verdict.findings


@pytest.mark.parametrize("index", [0, 255, 256, 299])
async def test_a_changed_entry_of_a_copy_is_found_by_whoever_verifies_it(clinic, index):
    trail, copy, checkpoint = await two_places(clinic)
    entry = copy._entries[index]
    copy._entries[index] = attrs.evolve(entry, body=entry.body.replace(b'"success"', b'"refused"'))
    verdict = await trail.verify(copy="offsite")
    assert not verdict.intact
    assert index in {finding.index for finding in verdict.findings}
    assert any("the copy offsite" in finding.message for finding in verdict.findings)
    verdict = await verify_sink(copy, checkpoint.note, await keys_of(trail))
    assert not verdict.intact
    assert FindingKind.ROOT in {finding.kind for finding in verdict.findings}
    assert (await trail.verify()).intact


async def test_a_copy_that_ends_too_early_is_told_from_one_that_was_changed(clinic, faults):
    trail, copy, checkpoint = await two_places(clinic)
    early = MemoryAudit()
    await early.append(copy._entries[:260], expected_size=0)
    verdict = await verify_sink(early, checkpoint.note, await keys_of(trail))
    assert not verdict.intact
    assert (verdict.findings[0].kind, verdict.findings[0].index) == (FindingKind.MISSING, 260)

    faults.add("copy.append")
    late = await clinic.trail(copies={"offsite": faults.wrap(early, "copy")})
    verdict = await late.verify(copy="offsite")
    assert [(finding.kind, finding.index) for finding in verdict.findings] == [(FindingKind.MISSING, 260)]


async def test_a_copy_is_verified_by_a_checkpoint_that_was_kept(clinic):
    trail, copy, checkpoint = await two_places(clinic)
    keys = await keys_of(trail)
    await fill(trail, 100)
    await trail.catch_up()
    assert (await verify_sink(copy, checkpoint.note, keys)).intact
    newer = await trail.checkpoint()
    assert (await verify_sink(copy, newer.note, keys, kept=checkpoint.note)).intact
    changed(copy, 299)
    assert not (await verify_sink(copy, checkpoint.note, keys)).intact


async def test_entries_under_another_id_and_other_signers_are_found_in_a_copy(clinic):
    trail, copy, checkpoint = await two_places(clinic)
    assert not (await verify_sink(copy, checkpoint.note, [])).intact
    copy._entries[5] = attrs.evolve(copy._entries[5], id=Started().event_id)
    (finding,) = (await verify_sink(copy, checkpoint.note, await keys_of(trail))).findings
    assert finding.index == 5


async def test_a_copy_that_cannot_be_opened_is_not_verified_and_says_why(clinic, faults):
    faults.add("copy.open", kind="permission_denied")
    trail = await clinic.trail(copies={"offsite": faults.wrap(MemoryAudit(), "copy")})
    with pytest.raises(AegisError) as caught:
        await trail.verify(copy="offsite")
    assert caught.value.code is ErrorCode.PERMISSION_DENIED


async def test_a_name_that_no_copy_has_is_refused(clinic):
    trail, *_ = await two_places(clinic, 1)
    with pytest.raises(AegisError, match="it has offsite") as caught:
        await trail.verify(copy="elsewhere")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


# What a copy holds


async def test_a_copy_shows_as_little_as_the_primary(clinic, copy, tmp_path, phi_canary):
    trail = await clinic.trail(copies={"offsite": copy})
    with doctor(phi_canary.patient["mrn"]):
        await trail.record(ReportFiled("r", name=phi_canary.patient["name"], result=phi_canary.patient["address"]))
    await trail.catch_up()
    phi_canary.assert_absent(str((await trail.health()).facts), str(trail.copies()), tmp_path)
    (whole,) = [event async for event in trail.entries()]
    assert whole.opened["name"].reveal(Purpose.TREATMENT) == phi_canary.patient["name"]
    assert (await copy.read(0, 1))[0].body in clinic.written()


async def test_a_copy_takes_the_place_of_its_primary_by_name(clinic):
    trail, copy, checkpoint = await two_places(clinic)
    await trail.aclose()
    promoted = await clinic.trail(copy)
    await promoted.record(Started())
    assert (await promoted.verify()).intact
    assert (await promoted.checkpoint()).size == checkpoint.size + 1
