"""One open Aegis a process: opened at first use, anew after a fork, closed at exit."""

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import attrs
import pytest

from aegis_core import Aegis, AegisError, AuditEvent, ErrorCode, SettingsError
from aegis_core.blocking import AuditTrail, PerProcess


@attrs.frozen
class Filed(AuditEvent):
    action = "report.filed"


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.setenv("AEGIS_LOG", "jsonl:lines.jsonl")
    return tmp_path


def test_nothing_is_opened_before_it_is_used(local):
    aegis = PerProcess(Aegis())
    audit = aegis.provide(AuditTrail)
    assert not (local / ".aegis").exists()
    assert aegis.close() is None
    audit().record(Filed())
    assert aegis.health()["audit"].state == "up"
    report = aegis.close()
    assert report is not None
    assert report.is_clean


def test_many_threads_that_come_first_open_it_once(local):
    aegis = PerProcess(Aegis())
    barrier = threading.Barrier(8)
    opened = []

    def use():
        barrier.wait()
        opened.append(aegis.opened)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in opened}) == 1
    aegis.close()


def test_an_open_that_failed_is_tried_again_at_the_next_use(local, monkeypatch):
    aegis = PerProcess(Aegis())
    monkeypatch.setenv("AEGIS_ENV", "nowhere")
    with pytest.raises(SettingsError):
        aegis.log.info("hello")
    monkeypatch.setenv("AEGIS_ENV", "test")
    aegis.log.info("hello")
    aegis.close()


class Unreachable(Aegis):
    """An Aegis whose opening takes as long as it is told to, and fails."""

    def __init__(self):
        super().__init__()
        self.tried, self.asked, self.go_on = 0, threading.Event(), threading.Event()

    @contextmanager
    def blocking(self, *, close_deadline=10.0):
        self.tried += 1
        self.asked.set()
        assert self.go_on.wait(20)
        raise AegisError(ErrorCode.UNAVAILABLE, "nobody answers")
        yield


class Counted:
    """A lock that knows who waits for it."""

    def __init__(self):
        self.lock, self.waiting = threading.Lock(), threading.Semaphore(0)

    def __enter__(self):
        self.waiting.release()
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()


def test_an_open_that_fails_does_so_once_for_all_who_waited_for_it():
    unreachable = Unreachable()
    aegis = PerProcess(unreachable)
    aegis._lock = lock = Counted()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(lambda: aegis.audit) for _ in range(8)]
        for _ in waiting:
            assert lock.waiting.acquire(timeout=20)
        unreachable.go_on.set()
        failures = [one.exception() for one in waiting]
    assert {failure.code for failure in failures} == {ErrorCode.UNAVAILABLE}
    assert unreachable.tried == 1
    with pytest.raises(AegisError):
        _ = aegis.audit
    assert unreachable.tried == 2


def test_a_loop_is_refused_at_once_also_while_a_thread_opens_it():
    import asyncio

    unreachable = Unreachable()
    aegis = PerProcess(unreachable)

    async def use():
        return aegis.audit

    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(lambda: aegis.audit)
        assert unreachable.asked.wait(20)
        with pytest.raises(AegisError) as raised:
            asyncio.run(use())
        assert not opening.done()
        unreachable.go_on.set()
    assert raised.value.code is ErrorCode.INVALID_ARGUMENT
    assert opening.exception().code is ErrorCode.UNAVAILABLE


def test_after_closing_the_next_use_opens_it_again(local):
    aegis = PerProcess(Aegis())
    first = aegis.audit.record(Filed())
    aegis.close()
    assert aegis.audit.record(Filed()).index == (first.index or 0) + 1
    aegis.close()


def test_on_a_loops_own_thread_it_refuses():
    import asyncio

    async def use():
        return PerProcess(Aegis()).audit

    with pytest.raises(AegisError) as raised:
        asyncio.run(use())
    assert raised.value.code is ErrorCode.INVALID_ARGUMENT


PROGRAM = textwrap.dedent("""
    import os, sys
    import attrs
    from aegis_core import Aegis, AuditEvent
    from aegis_core.blocking import PerProcess

    @attrs.frozen(kw_only=True)
    class Filed(AuditEvent):
        action = "report.filed"
        who: str

    aegis = PerProcess(Aegis())
    aegis.audit.record(Filed(who="parent"))
    children = []
    for child in ("first", "second"):
        pid = os.fork()
        if not pid:
            aegis.audit.record(Filed(who=child))
            aegis.audit.submit(Filed(who=child + ", at the end"))     # nobody waits for it: closing does
            sys.exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    aegis.audit.submit(Filed(who="parent, at the end"))
""")


def test_forked_children_open_their_own_and_closing_at_exit_loses_nothing(local):
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    with Aegis().blocking() as aegis:
        who = sorted(entry.data["who"] for entry in aegis.audit.entries() if entry.action == "report.filed")
        assert who == ["first", "first, at the end", "parent", "parent, at the end", "second", "second, at the end"]
        assert aegis.audit.verify().intact
    assert os.listdir(local / ".aegis")
