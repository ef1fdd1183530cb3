import threading
from typing import Annotated, ClassVar
from uuid import UUID

import anyio
import attrs
import pytest

from aegis_core.audit.opening import SHREDDED
from aegis_core.audit.port import Entry
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.context import current
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI, SECRET

from .conftest import ReportFiled, Started, doctor, until

pytestmark = pytest.mark.anyio


class SlowAudit(MemoryAudit):
    """Holds each batch back until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = anyio.Event()
        self.calls = 0

    async def append(self, entries, /, *, expected_size):
        self.calls += 1
        await self.gate.wait()
        return await super().append(entries, expected_size=expected_size)


class FailingAudit(MemoryAudit):
    """Stores, or does not, and fails either way."""

    failures = 1
    stores = False

    def classify(self, exc, /):
        return ErrorCode.UNAVAILABLE if isinstance(exc, ConnectionError) else None

    async def append(self, entries, /, *, expected_size):
        if self.failures:
            self.failures -= 1
            if self.stores:
                await super().append(entries, expected_size=expected_size)
            raise ConnectionError("HN-0001 is in the driver's words")
        return await super().append(entries, expected_size=expected_size)


async def opened(trail, **options):
    return [event async for event in trail.entries(**options)]


async def test_a_receipt_names_what_the_primary_holds(clinic):
    trail = await clinic.trail()
    with doctor():
        receipts = [await trail.record(ReportFiled(f"r{number}")) for number in range(3)]
    sink = clinic.sink()
    await sink.open()
    stored = await sink.read(0, 10)
    assert [receipt.index for receipt in receipts] == [0, 1, 2]
    assert [entry.id for entry in stored] == [receipt.event_id for receipt in receipts]
    await sink.aclose()


async def test_who_why_and_whom_come_from_the_context_of_the_submit(clinic):
    trail = await clinic.trail()
    with doctor("HN-7", tenant="east"):
        pending = trail.submit(ReportFiled("r1", pages=3))
    assert current().principal is None
    await pending
    (event,) = await opened(trail)
    assert (event.action, event.who, event.verified_by) == ("report.filed", "dr-a", "test")
    assert (event.roles, event.purpose, event.tenant) == (("admin", "physician"), "TREAT", "east")
    assert dict(event.data) == {"pages": 3, "report": "r1"}
    assert event.whom.reveal(Purpose.TREATMENT) == "HN-7"
    assert {name: value.reveal(Purpose.TREATMENT) for name, value in event.opened.items()} == {
        "name": "Somchai Jaidee",
        "result": "positive",
    }
    assert event.opened["result"].data_class == PHI.RESULT


async def test_nothing_classified_reaches_the_disk_or_a_repr(clinic):
    trail = await clinic.trail()
    with doctor("HN-000-777"):
        await trail.record(ReportFiled("r1"))
    await trail.checkpoint()
    written = clinic.written()
    assert b"report.filed" in written
    for secret in (b"Somchai", b"positive", b"HN-000-777"):
        assert secret not in written
    shown = repr(await opened(trail))
    assert "Somchai" not in shown
    assert "HN-000-777" not in shown


async def test_fields_without_a_subject_are_sealed_under_the_tenants_key(clinic):
    trail = await clinic.trail()
    await trail.record(ReportFiled("r1"))
    (event,) = await opened(trail)
    assert event.subject is None
    assert event.whom is None
    assert event.opened["name"].reveal(Purpose.OPERATIONS) == "Somchai Jaidee"
    assert b"Somchai" not in clinic.journal()


async def test_a_loose_classified_value_is_sealed_though_its_field_bears_no_mark(clinic):
    trail = await clinic.trail()
    with doctor():
        await trail.record(ReportFiled(Classified("r-secret", PHI.DOCUMENT)))
    (event,) = await opened(trail)
    assert "report" not in event.data
    assert event.opened["report"].reveal(Purpose.TREATMENT) == "r-secret"
    assert event.opened["report"].data_class == PHI.DOCUMENT
    assert b"r-secret" not in clinic.journal()


async def test_events_of_one_subject_are_found_by_a_token_that_tells_nothing(clinic):
    trail = await clinic.trail()
    for number in range(6):
        with doctor(f"HN-{number % 2}"):
            await trail.record(ReportFiled(f"r{number}"))
    await trail.record(Started())
    found = await opened(trail, subject=Classified("HN-1", PHI.MRN))
    assert [event.data["report"] for event in found] == ["r1", "r3", "r5"]
    assert await opened(trail, subject=Classified("HN-9", PHI.MRN)) == []
    with doctor(tenant="west"):
        assert await opened(trail, subject=Classified("HN-1", PHI.MRN)) == []


async def test_events_are_found_after_the_index_key_was_rotated(clinic):
    trail = await clinic.trail()
    with doctor("HN-1"):
        await trail.record(ReportFiled("before"))
    await clinic.ring.rotate(KeyPurpose.INDEX)
    clinic.clock.advance(120)
    with doctor("HN-1"):
        await trail.record(ReportFiled("after"))
    found = await opened(trail, subject=Classified("HN-1", PHI.MRN))
    assert [event.data["report"] for event in found] == ["before", "after"]
    assert len({event.subject.token for event in found}) == 2


async def test_shredding_a_subject_leaves_its_events_provable_and_unreadable(clinic):
    trail = await clinic.trail()
    with doctor("HN-1"):
        receipt = await trail.record(ReportFiled("r1"))
    with doctor("HN-2"):
        await trail.record(ReportFiled("r2"))
    await clinic.ring.shred(Classified("HN-1", PHI.MRN), reason="request 12")
    first, second = await opened(trail)
    assert first.opened == {"name": SHREDDED, "result": SHREDDED}
    assert first.whom == SHREDDED
    assert second.opened["name"].reveal(Purpose.TREATMENT) == "Somchai Jaidee"
    assert (await trail.prove(receipt)).index == 0
    assert (await trail.verify()).intact
    with doctor("HN-1"):  # the patient comes back: a new key
        await trail.record(ReportFiled("r3"))
    assert [event.data["report"] for event in await opened(trail, subject=Classified("HN-1", PHI.MRN))] == ["r1", "r3"]


async def test_reading_may_be_left_at_any_time(clinic):
    trail = await clinic.trail()
    for number in range(3):
        await trail.record(Started(number))
    async for event in trail.entries(1):
        assert event.index == 1
        break
    assert [event.index for event in await opened(trail)] == [0, 1, 2]
    assert [event.index async for event in trail.entries(1, 2)] == [1]
    assert [event.index async for event in trail.entries(7)] == []


async def test_many_producers_share_a_batch(clinic):
    trail = await clinic.trail()

    async def produce(number: int) -> None:
        with doctor(f"HN-{number}"):
            for _ in range(4):
                await trail.record(ReportFiled(f"r{number}"))

    async with anyio.create_task_group() as group:
        for number in range(64):
            group.start_soon(produce, number)
    facts = (await trail.health()).facts
    assert facts["recorded"] == 256
    assert facts["batches"] <= 8
    assert len({event.event_id for event in await opened(trail)}) == 256


async def test_an_event_that_cannot_be_recorded_fails_alone(clinic):
    class Sly:
        def __str__(self):
            raise RuntimeError("HN-0001")

        __repr__ = __str__

    trail = await clinic.trail()
    with doctor():
        events = [
            ReportFiled("good"),
            ReportFiled("x" * 70_000),
            ReportFiled("bad", name="\ud800"),
            ReportFiled("\udfff"),
            ReportFiled("bad", pages=1.5),
            ReportFiled("bad", pages=2**60),
            ReportFiled(Sly()),
            ReportFiled("good too"),
        ]
        pending = [trail.submit(event) for event in events]
    outcomes = []
    for each in pending:
        try:
            outcomes.append((await each).index)
        except AegisError as error:
            assert error.code is ErrorCode.INVALID_ARGUMENT
            assert "HN-" not in str(error)
            assert error.__cause__ is None
            outcomes.append("refused")
    assert outcomes == [0, *["refused"] * 6, 1]


async def test_a_type_that_cannot_be_recorded_is_refused_with_a_reason(clinic):
    @attrs.frozen
    class Nameless(AuditEvent):
        pass

    class Plain(AuditEvent):
        action: ClassVar[str] = "plain"

    @attrs.frozen
    class Secretive(AuditEvent):
        action: ClassVar[str] = "secretive"
        password: Annotated[str, SECRET.PASSWORD] = "hunter2"

    trail = await clinic.trail()
    for event, words in ((Nameless(), "constant name"), (Plain(), "attrs.frozen"), (Secretive(), "marked as a secret")):
        with pytest.raises(AegisError, match=words) as caught:
            await trail.record(event)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_whoever_stops_waiting_leaves_the_event_recorded_once(clinic):
    sink = SlowAudit()
    trail = await clinic.trail(sink)
    event = Started()
    async with anyio.create_task_group() as group:
        group.start_soon(trail.record, event)
        await until(lambda: sink.calls)
        group.cancel_scope.cancel()
    sink.gate.set()
    await trail.record(Started())
    assert [entry.id for entry in await sink.read(0, 10)].count(event.event_id) == 1


async def test_threads_may_submit_and_wait(clinic):
    trail = await clinic.trail()
    indexes = []

    def work(number: int) -> None:
        with doctor(f"HN-{number}"):
            indexes.append(trail.submit(ReportFiled(f"r{number}")).wait(deadline=20).index)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    await until(lambda: len(indexes) == 12)
    for thread in threads:
        thread.join()
    assert sorted(indexes) == list(range(12))


async def test_what_was_submitted_is_settled_before_the_trail_closes(clinic):
    trail = await clinic.trail()
    pending = [trail.submit(Started(number)) for number in range(700)]
    await trail.aclose()
    assert [(await each).index for each in pending] == list(range(700))


async def test_a_cancelled_application_still_settles_what_it_submitted(clinic):
    pending = []
    with anyio.CancelScope() as scope:
        trail = await clinic.trail(clinic.memory)
        pending = [trail.submit(Started(number)) for number in range(20)]
        scope.cancel()
        await trail.aclose()
    assert all(each.done for each in pending)
    assert await clinic.memory.size() == 20


async def test_a_closed_trail_refuses(clinic):
    trail = await clinic.trail()
    await trail.aclose()
    await trail.aclose()
    pending = trail.submit(Started())
    with pytest.raises(AegisError) as caught:
        await pending
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(AegisError) as caught:
        await trail.record(Started())
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(AegisError):
        await trail.checkpoint()
    assert (await trail.health()).state == "down"


async def test_a_trail_may_be_opened_again(clinic):
    trail = await clinic.trail()
    await trail.record(Started())
    await trail.aclose()
    await trail.open()
    assert (await trail.record(Started())).index == 1
    await trail.aclose()


async def test_it_is_closed_in_the_task_that_opened_it(clinic):
    trail = await clinic.trail()
    caught = []

    async def elsewhere() -> None:
        try:
            await trail.aclose()
        except AegisError as error:
            caught.append(error.code)

    async with anyio.create_task_group() as group:
        group.start_soon(elsewhere)
    assert caught == [ErrorCode.INVALID_ARGUMENT]
    await trail.record(Started())


async def test_too_many_waiting_events_are_refused_not_hoarded(clinic, monkeypatch):
    monkeypatch.setattr("aegis_core.audit.trail.LARGEST_QUEUE", 5)
    sink = SlowAudit()
    trail = await clinic.trail(sink)
    first = trail.submit(Started())
    await until(lambda: sink.calls)
    waiting = [trail.submit(Started()) for _ in range(7)]
    assert [each.done for each in waiting] == [False] * 5 + [True] * 2
    with pytest.raises(AegisError) as caught:
        await waiting[-1]
    assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
    sink.gate.set()
    await first
    assert [(await each).index for each in waiting[:5]] == [1, 2, 3, 4, 5]


async def test_without_the_primary_nothing_is_acknowledged(clinic):
    sink = FailingAudit()
    trail = await clinic.trail(sink)
    with pytest.raises(AegisError) as caught:
        await trail.record(Started())
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable
    assert "HN-0001" not in str(caught.value)
    assert await sink.size() == 0
    assert (await trail.record(Started())).index == 0


async def test_an_event_whose_fate_was_unknown_is_recorded_once_when_it_is_sent_again(clinic):
    sink = FailingAudit()
    sink.stores = True
    trail = await clinic.trail(sink)
    event = ReportFiled("r1")
    with doctor():
        with pytest.raises(AegisError):
            await trail.record(event)
        receipt = await trail.record(event)
        assert receipt.index == 0
        assert (await trail.record(Started())).index == 1
    assert await sink.size() == 2


async def test_one_id_is_recorded_once_and_another_event_under_it_is_a_conflict(clinic):
    trail = await clinic.trail()
    event = Started(1)
    await trail.record(event)
    pending = [trail.submit(Started(2)), trail.submit(attrs.evolve(event, number=3)), trail.submit(Started(4))]
    assert (await pending[0]).index == 1
    with pytest.raises(AegisError) as caught:
        await pending[1]
    assert caught.value.code is ErrorCode.CONFLICT
    assert (await pending[2]).index == 2
    twice = Started(5)
    one, other = trail.submit(twice), trail.submit(attrs.evolve(twice, number=6))
    assert (await one).index == 3
    with pytest.raises(AegisError):
        await other


async def test_two_trails_over_one_journal_interleave(clinic):
    one, other = await clinic.trail(), await clinic.trail()
    receipts = []

    async def produce(trail, number) -> None:
        for _ in range(10):
            receipt = await trail.record(Started(number))
            receipts.append(receipt)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(produce, one, number)
            group.start_soon(produce, other, number)
    assert sorted(receipt.index for receipt in receipts) == list(range(80))
    await one.checkpoint()
    assert (await one.verify()).size == 80
    assert (await other.verify()).intact


async def test_a_transaction_needs_a_primary_that_joins_them(clinic):
    trail = await clinic.trail()
    with pytest.raises(UnsupportedCapability, match="joins_transactions"):
        await trail.record(Started(), within=object())
    assert await clinic.sink().health() is not None


async def test_an_id_from_elsewhere_keeps_its_spelling(clinic):
    trail = await clinic.trail()
    event_id = UUID("00000000-0000-4000-8000-00000000000A")
    await trail.record(Started(event_id=event_id))
    (event,) = await opened(trail)
    assert event.event_id == event_id


async def test_a_trail_needs_a_name_that_can_stand_in_a_note(clinic):
    from aegis_core.audit.trail import AuditTrail

    for origin in ("", "my clinic", "a+b"):
        with pytest.raises(AegisError) as caught:
            AuditTrail(MemoryAudit(), clinic.ring, origin=origin)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_a_changed_entry_does_not_open(clinic):
    trail = await clinic.trail(clinic.memory)
    with doctor():
        await trail.record(ReportFiled("r1"))
        await trail.record(ReportFiled("r2"))
    one, two = clinic.memory._entries
    start, end = one.body.index(b'"sealed":{"name"'), one.body.index(b',"subject"')
    start2, end2 = two.body.index(b'"sealed":{"name"'), two.body.index(b',"subject"')
    clinic.memory._entries[1] = Entry(two.id, two.body[:start2] + one.body[start:end] + two.body[end2:])
    with pytest.raises(AegisError) as caught:
        await opened(trail)
    assert caught.value.code is ErrorCode.INTEGRITY
    clinic.memory._entries[1] = two


class ClosedFolder(MemoryAudit):
    closed = 0

    def classify(self, exc, /):
        return ErrorCode.PERMISSION_DENIED if isinstance(exc, PermissionError) else None

    async def open(self):
        raise PermissionError(13, "no")

    async def aclose(self):
        self.closed += 1


async def test_a_primary_that_does_not_open_is_told_by_its_code_and_closed(clinic):
    sink = ClosedFolder()
    with pytest.raises(AegisError) as caught:
        await clinic.trail(sink)
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    assert sink.closed


async def test_a_primary_that_cannot_run_here_is_refused_by_name(clinic):
    sink = MemoryAudit()
    sink.backends = frozenset({"curio"})
    with pytest.raises(AegisError, match="cannot run on") as caught:
        await clinic.trail(sink)
    assert caught.value.code is ErrorCode.UNSUPPORTED
