"""One loop on one thread: refused where it would stop a loop, seen by everybody else, ended with its callers."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import anyio
import anyio.to_thread
import pytest

from aegis_core.blocking.portal import PORTAL, Portal
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.purpose import Purpose
from tests.architecture.tree import ROOT

WORD: ContextVar[str] = ContextVar("word", default="nothing")


@pytest.mark.anyio
async def test_a_loops_own_thread_is_refused_by_name(storage):
    for act in (lambda: storage.stat("a"), lambda: next(iter(storage.list())), lambda: storage.open("a").__enter__()):
        with pytest.raises(AegisError, match="use the async service") as caught:
            act()
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.anyio
async def test_a_worker_thread_of_a_loop_may_call(storage):
    await anyio.to_thread.run_sync(storage.upload, "a", b"x")
    assert (await anyio.to_thread.run_sync(storage.download, "a")) == b"x"


def test_the_callers_context_is_seen_and_stays_the_callers():
    async def call():
        seen = WORD.get()
        WORD.set("theirs")
        return seen

    token = WORD.set("mine")
    try:
        assert PORTAL.run(call) == "mine"
        assert WORD.get() == "mine"
    finally:
        WORD.reset(token)
    assert PORTAL.run(call) == "nothing"


def test_many_threads_call_at_once_each_with_its_own_context(aegis):
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        who = Principal(f"clerk-{number}", verified_by="test", tenant=f"tenant-{number}")
        with acting(who, purpose=Purpose.OPERATIONS):
            for turn in range(5):
                aegis.storage.upload(f"{turn}", f"{number}/{turn}".encode())
            return [aegis.storage.download(info.key) for info in aegis.storage.list()]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    assert found == [[f"{number}/{turn}".encode() for turn in range(5)] for number in range(8)]
    by = [(event.who, event.tenant) for event in aegis.audit.entries() if event.action == "storage.written"]
    assert sorted(by) == sorted((f"clerk-{n}", f"tenant-{n}") for n in range(8) for _ in range(5))


def test_an_interrupted_caller_cancels_its_call_and_waits_for_its_end(monkeypatch):
    portal = Portal()
    story = []
    waiting = threading.Event()

    async def call():
        try:
            waiting.set()
            await anyio.sleep_forever()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
            story.append("cleaned up")
            raise

    def result(self, timeout=None):
        assert waiting.wait(20)
        raise KeyboardInterrupt

    portal._loop = PORTAL._started()  # before the patch: starting waits for a future of its own
    monkeypatch.setattr("aegis_core.blocking.portal.Future.result", result)
    with pytest.raises(KeyboardInterrupt):
        portal.run(call)
    assert story == ["cleaned up"]


def test_a_real_interrupt_ends_a_call_and_closes_what_was_opened(tmp_path):
    program = """
import os, signal, threading, anyio
from aegis_core import Aegis
from aegis_core.blocking.portal import PORTAL

aegis = Aegis()

async def call():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        await anyio.sleep_forever()
    finally:
        print("call ended")

try:
    with aegis.blocking():
        PORTAL.run(call)
except KeyboardInterrupt:
    print(aegis.closed.is_clean)
"""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "AEGIS_ENV": "test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "call ended\nTrue\n", "")


def test_interrupted_while_it_is_entered_it_is_left_again():
    story = []

    class Slow:
        async def __aenter__(self):
            entering.set()
            story.append("entering")
            try:
                await anyio.sleep_forever()
            finally:
                story.append("given up")

        async def __aexit__(self, *exc):
            story.append("left")

    from aegis_core.blocking.portal import Held

    entering = threading.Event()
    held = Held(PORTAL, Slow())

    async def enter_and_be_cancelled():
        async with anyio.create_task_group() as group:
            group.start_soon(held.enter)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    PORTAL.run(enter_and_be_cancelled)
    assert story == ["entering", "given up"]


def test_nothing_is_started_until_it_is_needed():
    program = """
import threading
import aegis_core.blocking.app
from aegis_core import Aegis, blocking
from aegis_core.blocking.portal import PORTAL
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState

blocking.Keyring(MemoryVault(), MemoryState())
Aegis().blocking()
assert threading.active_count() == 1, threading.enumerate()

async def one():
    return threading.current_thread().name

assert PORTAL.run(one) == PORTAL.run(one) == "aegis-blocking"
assert [thread.name for thread in threading.enumerate()].count("aegis-blocking") == 1
"""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONPATH": str(ROOT), "AEGIS_ENV": "test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_call_that_cannot_even_be_made_is_told():
    def call():
        raise TypeError("no such parameter")

    with pytest.raises(TypeError, match="no such parameter"):
        PORTAL.run(call)


def test_a_cancelled_call_is_an_error_with_a_code():
    import asyncio

    async def call():
        asyncio.current_task().cancel()
        await anyio.sleep(0)

    with pytest.raises(AegisError) as caught:
        PORTAL.run(call)
    assert caught.value.code is ErrorCode.CANCELLED
