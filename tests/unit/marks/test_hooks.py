"""What Python prints of exceptions that nobody caught tells no value; without the hook it does."""

import subprocess
import sys
import textwrap

import pytest

from tests.architecture.tree import ROOT

CANARY = "Somchai-0042-canary"
PREPARED = """
import asyncio, gc, sys, threading
from aegis_core import AegisError, ErrorCode, install_excepthook
from aegis_core.marks import report_loop_error

CANARY = "Somchai-0042" + "-canary"

def fail(name="", *more):
    error = ValueError(f"no bed for {CANARY}")
    error.add_note(CANARY)
    raise error
"""
FINALIZER = """
class Bed:
    def __del__(self): fail()

bed = Bed(); del bed; gc.collect()
"""
TASK = """
async def admit(name): fail()

async def main():
    install()
    task = asyncio.create_task(admit(CANARY))
    await asyncio.sleep(0)
    del task; gc.collect()

asyncio.run(main())
"""
CALLBACK = """
async def main():
    install()
    asyncio.get_running_loop().call_soon(fail, CANARY)
    await asyncio.sleep(0)

asyncio.run(main())
"""
OTHER_LOOP = """
loop = asyncio.new_event_loop(); handle_errors_of(loop)
loop.call_soon(fail, CANARY); loop.call_soon(loop.stop)
loop.run_forever(); loop.close()
"""
ENDINGS = {
    "the main thread": ("fail()", 1, "in fail\nValueError"),
    "a group": ("raise ExceptionGroup(CANARY, [ValueError(CANARY)])", 1, "  | ValueError"),
    "a thread": ("t = threading.Thread(target=fail, name=CANARY); t.start(); t.join()", 0, "in fail\nValueError"),
    "a finalizer": (FINALIZER, 0, "Exception ignored in Bed.__del__:"),
    "a task": (TASK, 0, "Task exception was never retrieved (admit)"),
    "a callback": (CALLBACK, 0, "Exception in callback (fail)"),
    "a loop that is made later": (OTHER_LOOP, 0, "Exception in callback (fail)"),
}


def run(program: str, *, hooked: bool) -> tuple[int, str]:
    install = "install = install_excepthook" if hooked else "install = lambda: None"
    handled = "loop.set_exception_handler(report_loop_error)" if hooked else "None"
    source = f"{PREPARED}\n{install}\nhandle_errors_of = lambda loop: {handled}\ninstall()\n{program}"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("program", "status", "shown"), ENDINGS.values(), ids=ENDINGS)
def test_nothing_that_python_prints_tells_a_value(program, status, shown):
    ended, told = run(program, hooked=True)
    assert CANARY not in told
    assert shown in told
    assert ended == status
    assert CANARY in run(program, hooked=False)[1]


def test_what_an_error_of_ours_says_is_shown():
    ended, told = run('raise AegisError(ErrorCode.NOT_FOUND, "no such key: look in list()")', hooked=True)
    assert ended == 1
    assert "AegisError: not_found: no such key: look in list()" in told


def test_an_exception_that_cannot_be_described_is_named():
    program = """
    class Ours(AegisError):
        def __str__(self): raise ValueError(CANARY)

    raise Ours(ErrorCode.INTERNAL, CANARY)
    """
    assert run(textwrap.dedent(program), hooked=True) == (1, "Ours\n")
    closed = "sys.stderr = open('/dev/null', 'w'); sys.stderr.close(); fail()"
    assert run(closed, hooked=True) == (1, "")


def test_it_can_be_undone_and_done_twice():
    program = """
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    first = install_excepthook(); second = install_excepthook()
    second(); first()
    assert before == (sys.excepthook, threading.excepthook, sys.unraisablehook)

    async def main():
        asyncio.get_running_loop().set_exception_handler(print)
        undo = install_excepthook()
        assert asyncio.get_running_loop().get_exception_handler() is report_loop_error
        undo()
        assert asyncio.get_running_loop().get_exception_handler() is print

    asyncio.run(main())
    """
    assert run(textwrap.dedent(program), hooked=False) == (0, "")


def test_a_program_that_is_left_or_interrupted_ends_as_it_did():
    assert run("sys.exit(3)", hooked=True) == (3, "")
    assert run("threading.Thread(target=lambda: sys.exit(3)).start()", hooked=True) == (0, "")
