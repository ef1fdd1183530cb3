"""Opened in order, closed in reverse, and nothing that misbehaves keeps the others from being closed."""

import threading
from typing import ClassVar

import anyio
import attrs
import pytest

from aegis_core.app import Aegis, CloseReport
from aegis_core.audit.trail import AuditTrail
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.kernel.state import StateCapabilities
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_core.storage.service import Storage

pytestmark = pytest.mark.anyio

WHO = Principal("dr-malee", verified_by="test")


@attrs.frozen(kw_only=True)
class Started(AuditEvent):
    action: ClassVar[str] = "app.started"


async def test_making_one_opens_nothing(parts):
    aegis = parts.aegis()
    assert parts.story == []
    assert aegis.closed is None


async def test_parts_open_in_order_and_close_in_reverse(parts):
    async with parts.aegis().open():
        assert parts.steps("open") == ["state", "keys", "subject_keys", "audit", "storage", "email"]
        assert parts.steps("close") == []
    assert parts.steps("close") == ["email", "storage", "audit", "subject_keys", "keys", "state", "log"]


async def test_what_had_opened_is_closed_when_a_later_one_fails(parts):
    parts.troubles["storage", "open"] = OSError("no such disk")
    aegis = parts.aegis()
    with pytest.raises(AegisError) as caught:
        async with aegis.open():
            raise AssertionError("not reached")
    assert caught.value.operation == "storage.open"
    assert set(parts.steps("close")) == {"storage", "audit", "subject_keys", "keys", "state", "log"}
    assert parts.steps("close")[-4:] == ["subject_keys", "keys", "state", "log"]
    assert "email" not in parts.steps("open")
    assert aegis.closed == CloseReport()
    with pytest.raises(AegisError, match="not open"):
        _ = aegis.keys


async def test_opening_can_be_cancelled_and_closes_what_was_open(parts):
    parts.troubles["storage", "open"] = "hang"
    aegis = parts.aegis()
    with anyio.move_on_after(0.05) as scope:
        async with aegis.open():
            raise AssertionError("not reached")
    assert scope.cancelled_caught
    assert {"audit", "keys", "state", "log"} <= set(parts.steps("close"))
    assert aegis.closed == CloseReport()


async def test_the_bodys_exception_comes_out_as_the_same_object(parts):
    mine = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught:
        async with parts.aegis().open():
            raise mine
    assert caught.value is mine
    assert mine.__context__ is None
    assert parts.steps("close")[-1] == "log"


async def test_the_bodys_exception_wins_over_one_of_closing(parts):
    mine = RuntimeError("mine")
    parts.troubles["storage", "close"] = OSError("gone")
    aegis = parts.aegis()
    with pytest.raises(RuntimeError) as caught:
        async with aegis.open():
            raise mine
    assert caught.value is mine
    assert aegis.closed.failed == {"storage": "internal"}


async def test_the_same_holds_for_lifespan(parts):
    mine = RuntimeError("mine")
    aegis = parts.aegis()
    with pytest.raises(RuntimeError) as caught:
        async with aegis.lifespan(object()):
            assert isinstance(aegis.storage, Storage)
            raise mine
    assert caught.value is mine
    assert aegis.closed.is_clean


async def test_a_cancelled_body_closes_everything(parts):
    aegis = parts.aegis()
    with anyio.CancelScope() as scope:
        async with aegis.open():
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert parts.steps("close") == ["email", "storage", "audit", "subject_keys", "keys", "state", "log"]
    assert aegis.closed == CloseReport()


async def test_what_was_submitted_is_on_record_after_a_cancelled_body(parts):
    aegis = parts.aegis()
    with anyio.CancelScope() as scope:
        async with aegis.open():
            with acting(WHO, purpose=Purpose.TREATMENT):
                await aegis.storage.upload("a", b"x")
            scope.cancel()
            await anyio.sleep_forever()
    assert await parts.audit.size() == 1


async def test_an_error_of_closing_is_raised_after_everything_is_closed(parts):
    parts.troubles["storage", "close"] = OSError("gone")
    aegis = parts.aegis()
    with pytest.raises(AegisError) as caught:
        async with aegis.open():
            pass
    assert caught.value.operation == "storage.aclose"
    assert parts.steps("close") == ["email", "audit", "subject_keys", "keys", "state", "log"]
    assert aegis.closed == CloseReport(failed={"storage": "internal"})
    assert not aegis.closed.is_clean


@pytest.mark.parametrize("port", ["email", "storage", "audit", "keys"])
async def test_who_hangs_at_close_is_late_and_the_others_are_closed(parts, port):
    part = {"email": "notify"}.get(port, port)
    parts.troubles[port, "close"] = "hang"
    aegis = parts.aegis()
    with anyio.fail_after(5):
        async with aegis.open(close_deadline=0.3):
            pass
    assert aegis.closed == CloseReport(late=(part,))
    assert set(parts.steps("close")) >= {"log", "email", "storage", "audit"} - {port}
    assert any(b'"aegis.closed"' in line for line in parts.log.lines)


async def test_a_hang_leaves_time_for_those_that_close_after_it(parts):
    parts.troubles["email", "close"] = "hang"
    parts.troubles["storage", "close"] = "hang"
    aegis = parts.aegis()
    with anyio.fail_after(5):
        async with aegis.open(close_deadline=1.0):
            pass
    assert aegis.closed.late == ("notify", "storage")
    assert parts.steps("close") == ["audit", "subject_keys", "keys", "state", "log"]


async def test_a_primary_that_hangs_while_it_records_does_not_hold_up_closing(parts):
    async def hang(entries, /, *, expected_size):
        await anyio.sleep_forever()

    aegis = parts.aegis(only=("audit", "log"), storage=None, email=None)
    parts.audit.append = hang
    with anyio.fail_after(5):
        async with aegis.open(close_deadline=0.2):
            with acting(WHO, purpose=Purpose.OPERATIONS):
                waiting = aegis.log.audit(Started())
            await anyio.wait_all_tasks_blocked()
        assert aegis.closed.late == ("audit",)
        with pytest.raises(AegisError) as caught:
            await waiting
    assert caught.value.code is ErrorCode.UNAVAILABLE


async def test_a_log_that_hangs_is_left_behind(parts):
    enough = threading.Event()
    parts.troubles["log", "close"] = lambda deadline: enough.wait(20)
    aegis = parts.aegis()
    try:
        with anyio.fail_after(5):
            async with aegis.open(close_deadline=0.1):
                pass
        assert aegis.closed.late == ("log",)
    finally:
        enough.set()


async def test_lost_lines_are_in_the_report(parts):
    def lose(deadline):
        assert 0 < deadline <= 10
        parts.log._lost = 3

    parts.troubles["log", "close"] = lose
    aegis = parts.aegis()
    async with aegis.open():
        pass
    assert aegis.closed == CloseReport(lost_lines=3)
    assert not aegis.closed.is_clean


async def test_what_breaks_in_use_ends_the_block_with_its_own_error(parts):
    class Breaks(Storage):
        async def __aenter__(self):
            await super().__aenter__()
            self.group = anyio.create_task_group()
            await self.group.__aenter__()
            self.group.start_soon(self.work)
            return self

        async def work(self):
            await broken.wait()
            raise error

        async def __aexit__(self, *exc):
            await self.group.__aexit__(None, None, None)
            await super().__aexit__(*exc)

    broken, error = anyio.Event(), OSError("the disk is gone")
    aegis = parts.aegis()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError) as caught:
        patch.setattr("aegis_core.app.Storage", Breaks)
        async with aegis.open():
            broken.set()
            with anyio.fail_after(5):
                await anyio.sleep_forever()
    assert caught.value is error
    assert aegis.closed.failed == {"storage": "internal"}
    assert parts.steps("close")[-1] == "log"


async def test_it_can_be_opened_again(parts):
    aegis = parts.aegis(log=None)
    for turn in range(2):
        async with aegis.open():
            with acting(WHO, purpose=Purpose.TREATMENT):
                await aegis.storage.upload(f"a/{turn}", b"x")
            assert aegis.closed is None
        assert aegis.closed is not None
    assert parts.steps("open") == ["state", "keys", "subject_keys", "audit", "storage", "email"] * 2


async def test_a_sink_that_was_closed_is_not_written_to_again(parts):
    aegis = parts.aegis()
    async with aegis.open():
        pass
    with pytest.raises(AegisError, match="make a new one"):
        async with aegis.open():
            raise AssertionError("not reached")
    assert parts.log._lost == 0


async def test_two_openings_at_once_are_refused(parts):
    aegis = parts.aegis()
    async with aegis.open():
        with pytest.raises(AegisError, match="open already") as caught:
            async with aegis.open():
                raise AssertionError("not reached")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert (await aegis.audit.health()).state == "up"
    assert aegis.closed == CloseReport()


async def test_two_tasks_that_open_at_the_same_time_do_not_both_get_in(parts):
    aegis = parts.aegis()
    outcomes = []

    async def enter():
        try:
            async with aegis.open():
                outcomes.append("open")
                await anyio.wait_all_tasks_blocked()
        except AegisError as error:
            outcomes.append(error.code)

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
        group.start_soon(enter)
    assert sorted(outcomes) == ["invalid_argument", "open"]


async def test_leaving_in_another_task_is_refused_by_name(parts):
    opening = parts.aegis().open()
    await opening.__aenter__()

    async def leave():
        with pytest.raises(AegisError, match="in the task that entered it") as caught:
            await opening.__aexit__(None, None, None)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
    await opening.__aexit__(None, None, None)
    assert parts.steps("close")[-1] == "log"


async def test_before_it_is_open_it_says_what_to_enter(parts):
    aegis = parts.aegis()
    for name in ("log", "keys", "audit", "storage", "notify"):
        with pytest.raises(AegisError, match=r"aegis\.open\(\).*lifespan.*blocking") as caught:
            getattr(aegis, name)
        assert caught.value.code is ErrorCode.UNAVAILABLE
        assert not caught.value.retryable


async def test_subject_keys_that_cannot_be_erased_are_refused(parts):
    class Keeps(MemoryState):
        capabilities = StateCapabilities(erases=False)

    aegis = parts.aegis(subject_keys=Keeps())
    with pytest.raises(UnsupportedCapability):
        async with aegis.open():
            raise AssertionError("not reached")
    assert parts.steps("close")[-1] == "log"


async def test_shredding_is_on_the_trail(parts):
    subject = Classified("HN-1", PHI.MRN)
    async with parts.aegis().open() as aegis:
        with acting(WHO, purpose=Purpose.TREATMENT, subject=subject):
            await aegis.keys.subject_key(subject)
        with acting(WHO, purpose=Purpose.OPERATIONS):
            await aegis.keys.shred(subject, reason="request 17")
        actions = [event.action async for event in aegis.audit.entries()]
    assert any("shred" in action for action in actions)


async def test_without_a_trail_there_is_no_trail(parts):
    aegis = parts.aegis(only=("storage",), audit=None, log=None, email=None, subject_keys=None)
    async with aegis.open():
        with acting(WHO, purpose=Purpose.TREATMENT):
            await aegis.storage.upload("a", b"x")
        with pytest.raises(AegisError, match="`only` leaves it out"):
            aegis.get(AuditTrail)
    assert parts.steps("open") == ["state", "keys", "storage"]


async def test_only_the_log_needs_no_keys(parts):
    aegis = Aegis(only=("log",), log=parts.log)
    async with aegis.open():
        aegis.log.info("up")
    assert parts.story == [("log", "close")]
    assert b'"up"' in parts.log.lines[-1]
