"""What was opened before a fork is refused in the child, by name; the parent goes on, and the child may open anew."""

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT

HEAD = """
import os, sys, anyio
from aegis_core import Aegis, ForkedError, Principal, Purpose, acting
from aegis_core import blocking

def child(work):
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print("child failed:", repr(error), file=sys.stderr, flush=True)
        os._exit(1)

def refused(act):
    try:
        act()
    except ForkedError:
        return
    raise AssertionError("not refused")

WHO = Principal("dr-malee", verified_by="test")
"""

ASYNC = """
async def main():
    aegis = Aegis()
    async with aegis.open():
        def work():
            for name in ("log", "keys", "audit", "storage", "notify"):
                refused(lambda: getattr(aegis, name))
            async def anew():
                async with aegis.open():
                    with acting(WHO, purpose=Purpose.TREATMENT):
                        await aegis.storage.upload("child", b"x")
            # The parent's loop is this process's copy of it: the child runs one of its own on another thread.
            import threading
            thread = threading.Thread(target=lambda: anyio.run(anew, backend={other!r}))
            thread.start()
            thread.join(60)
            assert aegis.closed is not None and aegis.closed.is_clean, aegis.closed
        assert child(work) == 0
        with acting(WHO, purpose=Purpose.TREATMENT):
            await aegis.storage.upload("parent", b"y")
            assert await aegis.storage.download("child") == b"x"
        assert (await aegis.audit.verify()).intact
    assert aegis.closed.is_clean

anyio.run(main, backend={backend!r})
print("done")
"""

UNWINDING = """
async def main():
    aegis = Aegis()
    pid = 1
    try:
        async with aegis.open():
            pid = os.fork()
            if not pid:
                raise SystemExit(7)  # unwinds through the parent's block
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            with acting(WHO, purpose=Purpose.TREATMENT):
                await aegis.storage.upload("parent", b"y")
    except SystemExit:
        os._exit(7)
    assert aegis.closed.is_clean

anyio.run(main)
print("done")
"""

BLOCKING = """
with Aegis().blocking() as aegis:
    trail = aegis.audit
    reader = aegis.storage.list()
    def work():
        refused(lambda: aegis.storage)
        refused(lambda: aegis.log)
        refused(lambda: trail.verify())
        refused(lambda: next(reader))
        with Aegis().blocking() as anew, acting(WHO, purpose=Purpose.TREATMENT):
            anew.storage.upload("child", b"x")
    assert child(work) == 0
    with acting(WHO, purpose=Purpose.TREATMENT):
        assert aegis.storage.download("child") == b"x"
print("done")
"""

UNWINDING_BLOCKING = """
try:
    with Aegis().blocking() as aegis:
        pid = os.fork()
        if not pid:
            raise SystemExit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        with acting(WHO, purpose=Purpose.TREATMENT):
            aegis.storage.upload("parent", b"y")
except SystemExit:
    os._exit(7)
print("done")
"""

WHILE_OTHERS_CALL = """
import threading
with Aegis().blocking() as aegis:
    stop = threading.Event()
    def busy():
        while not stop.is_set():
            aegis.audit.health()
    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        def work():
            with Aegis(only=["storage"]).blocking() as anew, acting(WHO, purpose=Purpose.TREATMENT):
                list(anew.storage.list())
        assert child(work) == 0
    stop.set()
    for thread in threads:
        thread.join()
print("done")
"""


def run(program, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-P", "-c", HEAD + program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "AEGIS_ENV": "test", "AEGIS_LOG": "jsonl:log.jsonl"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


@pytest.mark.parametrize(("backend", "other"), [("asyncio", "asyncio"), ("trio", "asyncio")])
def test_a_child_is_refused_opens_anew_and_leaves_the_parent_alone(backend, other, tmp_path):
    run(ASYNC.format(backend=backend, other=other), tmp_path)


def test_a_child_that_unwinds_through_the_block_closes_nothing_of_the_parents(tmp_path):
    run(UNWINDING, tmp_path)


def test_blocking_services_are_refused_in_a_child_which_may_open_its_own(tmp_path):
    run(BLOCKING, tmp_path)


def test_a_child_that_unwinds_through_a_blocking_block_closes_nothing_of_the_parents(tmp_path):
    run(UNWINDING_BLOCKING, tmp_path)


def test_a_fork_while_other_threads_call_leaves_no_lock_behind(tmp_path):
    run(WHILE_OTHERS_CALL, tmp_path)
