"""Trouble comes as planned, and no trace of the canary is overlooked."""

import base64
import errno
import json
import subprocess
import sys
from urllib.parse import quote

import anyio
import pytest

from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.state import MemoryState
from aegis_core.testing.canary import PhiCanary
from aegis_core.testing.clock import VirtualClock
from aegis_core.testing.faults import Faults


class Writer:
    def __init__(self):
        self.written = []

    async def commit(self):
        self.written.append("commit")
        return "done"

    async def aclose(self): ...


class Store:
    name = "store"

    def __init__(self):
        self.writer = Writer()

    def write(self, key, /, *, replace):
        return self.writer

    def line(self, text):
        return text


@pytest.mark.anyio
async def test_the_nth_call_fails_and_the_others_do_not():
    faults = Faults()
    faults.add("state.put", nth=2, kind="unavailable")
    faults.add("state.get", nth=range(1, 3), kind="disk_full")
    store = faults.wrap(MemoryState(), "state")
    await store.put("a", b"1", expected=None)
    with pytest.raises(AegisError) as caught:
        await store.put("b", b"1", expected=None)
    assert caught.value.code is ErrorCode.UNAVAILABLE
    await store.put("b", b"1", expected=None)
    for _ in range(2):
        with pytest.raises(OSError, match="disk_full") as full:
            await store.get("a")
        assert full.value.errno == errno.ENOSPC
    assert (await store.get("a")).body == b"1"
    assert faults.calls == {"state.put": 3, "state.get": 3}
    assert store.capabilities.erases
    faults.add("state.get")
    faults.clear()
    await store.get("a")


@pytest.mark.anyio
async def test_a_lost_reply_comes_after_the_work():
    faults = Faults()
    faults.add("state.put", after=True)
    inner = MemoryState()
    with pytest.raises(AegisError):
        await faults.wrap(inner, "state").put("a", b"1", expected=None)
    assert (await inner.get("a")).body == b"1"


@pytest.mark.anyio
async def test_handles_are_struck_too():
    faults = Faults()
    faults.add("storage.write.commit", nth=1, kind="io_error")
    store = Store()
    writer = faults.wrap(store, "storage").write("k", replace=False)
    with pytest.raises(OSError, match="io_error"):
        await writer.commit()
    assert store.writer.written == []
    assert await writer.commit() == "done"


@pytest.mark.anyio
async def test_delay_hang_and_cancel():
    clock = VirtualClock()
    faults = Faults(clock=clock)
    faults.add("state.get", nth=1, kind="delay", seconds=5)
    faults.add("state.get", nth=2, kind="hang")
    store = faults.wrap(MemoryState(), "state")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.get, "a")
        await clock.advance(4.9)
        assert clock.sleeping == 1
        await clock.advance(0.2)
        assert clock.sleeping == 0
    with anyio.move_on_after(0.02) as hung:
        await store.get("a")
    assert hung.cancelled_caught
    with anyio.CancelScope() as scope:
        faults.add("state.put", kind="cancel", scope=scope)
        await store.put("a", b"1", expected=None)
        pytest.fail("cancelled")
    with pytest.raises(ValueError, match="scope"):
        faults.add("state.put", kind="cancel")


def test_sync_methods_are_struck():
    faults = Faults()
    faults.add("sink.line", nth=1, error=ZeroDivisionError())
    store = faults.wrap(Store(), "sink")
    with pytest.raises(ZeroDivisionError):
        store.line("a")
    assert store.line("a") == "a"
    assert store.name == "store"


# -------------------------------------------------------------------------------------------------------- canary


@pytest.fixture
def canary():
    return PhiCanary(entropy=SeededEntropy(7))


def test_the_canary_has_many_values_and_differs_from_run_to_run(canary):
    assert len(canary.values) == len(set(canary.values)) == len(canary.patient)
    assert all(len(value) >= 6 for value in canary.values)
    assert PhiCanary().values != PhiCanary().values
    assert canary.patient == PhiCanary(entropy=SeededEntropy(7)).patient
    for value in canary.values:
        assert value not in repr(canary)
    json.dumps(dict(canary.patient))


@pytest.mark.parametrize("field", ["mrn", "name", "name_th", "email", "address", "family_name", "given_name"])
@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.encode(),
        lambda text: json.dumps(text).encode(),
        lambda text: quote(text).encode(),
        lambda text: text.upper().encode(),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
        lambda text: base64.b64encode(b"xy" + text.encode()),
        lambda text: base64.b64encode(text.encode()),
    ],
    ids=["raw", "json", "url", "upper", "base64+1", "base64+2", "base64"],
)
def test_every_trace_is_found(canary, field, write):
    written = b"before " + write(canary.patient[field]) + b" after"
    with pytest.raises(AssertionError, match=field):
        canary.assert_absent(written)
    canary.assert_absent(b"nothing of it", "nor here")


def test_files_their_names_and_watched_folders_are_searched(canary, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    canary.watch(folder)
    canary.assert_absent()
    (folder / "a.log").write_text(f"mrn={canary.patient['mrn']}\n")
    assert canary.sightings() == [f"mrn (raw) in {folder / 'a.log'}"]
    (folder / "a.log").unlink()
    (folder / f"{canary.patient['mrn']}.pdf").touch()
    with pytest.raises(AssertionError, match="file's name"):
        canary.assert_absent()
    with pytest.raises(FileNotFoundError):
        canary.assert_absent(tmp_path / "none")


def test_the_plugins_fixtures_work_in_somebody_elses_tests(tmp_path):
    (tmp_path / "test_theirs.py").write_text(
        """
import logging
import pytest
@pytest.mark.anyio
async def test_clock(clock, faults):
    await clock.advance(days=1)
    assert clock.monotonic() == 86400
    faults.add("x", kind="delay", seconds=1)
def test_leak_in_the_log(phi_canary):
    logging.getLogger("x").warning("admitted %s", phi_canary.patient["mrn"])
    with pytest.raises(AssertionError, match="mrn .raw. in the log"):
        phi_canary.assert_absent()
def test_leak_in_a_file(phi_canary, tmp_path):
    phi_canary.assert_absent()
    (tmp_path / "x").write_text(phi_canary.patient["email"])
    with pytest.raises(AssertionError, match="email"):
        phi_canary.assert_absent()
"""
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "aegis_core.testing.plugin"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "4 passed" in done.stdout or "5 passed" in done.stdout, done.stdout + done.stderr
