"""State stores of this machine: processes, kills, forks, clocks that go back, disks that are full."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.kernel import files
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem import state as file_module
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.memory import state as memory_module
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.sqlite import state as sqlite_module
from aegis_core.local.sqlite.state import SqliteState
from aegis_core.testing.clock import VirtualClock

LOCAL = {"file": lambda folder: FileState(folder), "sqlite": lambda folder: SqliteState(folder / "state.db")}
EVERY = {"memory": lambda _folder: MemoryState(), **LOCAL}


@pytest.fixture(params=list(LOCAL))
def kind(request):
    return request.param


# -------------------------------------------------------------------------------------------- against a naive model

names = st.sampled_from(["a", "a-", "b/c", "b/c-d", "b/d/e", "b-c", "B", "b/d.p/1", "b0", "z/z/z/z"])
steps = st.lists(
    st.tuples(st.sampled_from(["put", "create", "delete", "stale", "reopen"]), names, st.binary(max_size=40)),
    max_size=25,
)
listings = st.tuples(
    st.sampled_from(["", "b", "b/", "b/d", "z"]), st.sampled_from(["", "a", "b/c", "b0"]), st.integers(1, 9)
)


@pytest.mark.parametrize("kind", list(EVERY))
@given(plan=steps, listing=listings)
@settings(max_examples=25)
def test_a_store_behaves_like_a_dictionary_with_revisions(tmp_path_factory, kind, plan, listing):
    folder = tmp_path_factory.mktemp("model")

    async def main():
        store = EVERY[kind](folder)
        await store.open()
        model = {}
        used = {}
        for action, name, body in plan:
            there = model.get(name)
            revision = there[1] if there else None
            if action == "reopen":
                await store.aclose()
                if kind != "memory":
                    store = EVERY[kind](folder)
                await store.open()
            elif action == "delete":
                await store.delete(name, expected=revision)
                model.pop(name, None)
            elif action == "put" or (action == "create" and there is None):
                new = await store.put(name, body, expected=revision)
                assert new not in used.setdefault(name, set())
                used[name].add(new)
                model[name] = (body, new)
            else:
                with pytest.raises(AegisError) as caught:
                    await store.put(name, body, expected=None if there else "0")
                assert caught.value.code is ErrorCode.CONFLICT
        for name in ["a", "b/c", "b", *model]:
            document = await store.get(name)
            assert (document and (document.body, document.revision)) == model.get(name)
        prefix, after, limit = listing
        wanted = sorted(name for name in model if name.startswith(prefix) and name > after)[:limit]
        assert list(await store.names(prefix, after=after, limit=limit)) == wanted
        await store.aclose()

    anyio.run(main)
    shutil.rmtree(folder)


# ------------------------------------------------------------------------------------------------------- processes


def _count(kind, folder, times):
    async def main():
        store = LOCAL[kind](folder)
        await store.open()
        for _ in range(times):
            while True:
                document = await store.get("count")
                try:
                    if document is None:
                        await store.put("count", b"1", expected=None)
                    else:
                        await store.put("count", b"%d" % (int(document.body) + 1), expected=document.revision)
                    break
                except AegisError as error:
                    assert error.code is ErrorCode.CONFLICT
        await store.aclose()

    anyio.run(main)


def test_processes_that_open_and_count_at_once_lose_nothing(tmp_path, kind):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_count, args=(kind, tmp_path / "new", 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]

    async def main():
        store = LOCAL[kind](tmp_path / "new")
        await store.open()
        assert (await store.get("count")).body == b"45"
        await store.aclose()

    anyio.run(main)


WRITER = """
import sys, anyio
from pathlib import Path
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.sqlite.state import SqliteState
kind, folder = sys.argv[1], Path(sys.argv[2])
async def main():
    store = FileState(folder) if kind == "file" else SqliteState(folder / "state.db")
    await store.open()
    document = await store.get("log/checkpoint")
    number, revision = (int(document.body[:9]), document.revision) if document else (0, None)
    while True:
        number += 1
        revision = await store.put("log/checkpoint", b"%09d" % number * 2000, expected=revision)
        print(number, flush=True)
anyio.run(main)
"""


@pytest.mark.parametrize("round_", range(4))
def test_after_a_kill_every_acknowledged_document_is_whole(tmp_path, kind, round_):
    acknowledged = 0
    for kill in range(2):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, kind, str(tmp_path)], stdout=subprocess.PIPE)
        try:
            for _ in range(1 + 7 * round_ + kill):
                acknowledged = int(writer.stdout.readline())
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split()
            writer.wait()
            writer.stdout.close()
        acknowledged = max([acknowledged, *(int(line) for line in rest if line.isdigit())])

        async def main(acknowledged=acknowledged):
            store = LOCAL[kind](tmp_path)
            await store.open()
            document = await store.get("log/checkpoint")
            assert document.body == document.body[:9] * 2000
            assert int(document.body[:9]) in {acknowledged, acknowledged + 1}
            assert list(await store.names("")) == ["log/checkpoint"]
            await store.aclose()

        anyio.run(main)
    if kind == "file":
        assert [path.name for path in (tmp_path / ".state").iterdir()] == ["lock"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork_the_child_is_told_to_open_again(tmp_path, kind):
    store = LOCAL[kind](tmp_path)
    anyio.run(store.open)
    anyio.run(lambda: store.put("a", b"parent", expected=None))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.raises(ForkedError):
                anyio.run(store.get, "a")
            anyio.run(store.open)
            document = anyio.run(store.get, "a")
            anyio.run(lambda: store.put("a", b"child", expected=document.revision))
            anyio.run(store.aclose)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert anyio.run(store.get, "a").body == b"child"
    anyio.run(store.aclose)


# ----------------------------------------------------------------------------------------------------------- clocks


@pytest.mark.anyio
async def test_revisions_grow_though_the_clock_goes_back(tmp_path):
    clock = VirtualClock(start_ns=time.time_ns())
    deps = attrs.evolve(AdapterDeps(), clock=clock)
    seen = []
    for jump in (0, -3600, -86_400, 10, -400_000_000):
        clock.shift_wall(jump)
        store = FileState(tmp_path, deps)
        await store.open()
        for _ in range(2):
            revision = await store.put("a", b"same", expected=None)
            seen.append(revision)
            seen.append(await store.put("a", b"same", expected=revision))
            await store.delete("a")
        await store.aclose()
    numbers = [int(revision, 16) for revision in seen]
    assert numbers == sorted(set(numbers))


@pytest.mark.anyio
async def test_a_file_system_without_exact_times_is_refused(tmp_path, monkeypatch):
    utime = os.utime
    monkeypatch.setattr(os, "utime", lambda fd, ns: utime(fd, ns=tuple(value // 10**9 * 10**9 for value in ns)))
    with pytest.raises(AegisError) as caught:
        await FileState(tmp_path).open()
    assert caught.value.code is ErrorCode.UNSUPPORTED


# ------------------------------------------------------------------------------------------------------------ files


@pytest.mark.anyio
async def test_a_file_holds_the_body_and_nothing_else_and_outside_tools_may_write(tmp_path):
    store = FileState(tmp_path)
    await store.open()
    await store.put("log/tile/0/x001/234", b"hashes", expected=None)
    assert (tmp_path / "log/tile/0/x001/234").read_bytes() == b"hashes"
    (tmp_path / "log" / "checkpoint").write_bytes(b"by hand")
    document = await store.get("log/checkpoint")
    assert document.body == b"by hand"
    await store.put("log/checkpoint", b"ours", expected=document.revision)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "0").touch()
    (tmp_path / "log" / "no name~").touch()
    assert list(await store.names("")) == ["log/checkpoint", "log/tile/0/x001/234"]
    await store.delete("log/tile/0/x001/234")
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["checkpoint", "no name~"]
    await store.aclose()


@pytest.mark.anyio
async def test_a_name_that_is_a_folder_or_leads_through_a_document_is_refused(tmp_path):
    store = FileState(tmp_path)
    await store.open()
    await store.put("a", b"1", expected=None)
    await store.put("b/c", b"2", expected=None)
    for name in ("a/x", "a/x/y", "b"):
        assert await store.get(name) is None
        with pytest.raises(AegisError) as caught:
            await store.put(name, b"x", expected=None)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    await store.delete("b")
    assert list(await store.names("")) == ["a", "b/c"]
    assert [path.name for path in (tmp_path / ".state").iterdir()] == ["lock"]
    await store.aclose()


@pytest.mark.anyio
async def test_one_call_is_one_thread_hop(tmp_path, kind, monkeypatch):
    hops = []
    run_sync = anyio.to_thread.run_sync

    async def counted(*args, **options):
        hops.append(1)
        return await run_sync(*args, **options)

    store = LOCAL[kind](tmp_path)
    await store.open()
    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    revision = await store.put("a/b", b"1", expected=None)
    await store.put("a/b", b"2", expected=revision)
    await store.get("a/b")
    await store.names("")
    await store.delete("a/b")
    assert len(hops) == 5
    await store.aclose()


@pytest.mark.anyio
async def test_a_store_that_is_not_open_says_so(tmp_path, kind):
    store = LOCAL[kind](tmp_path)
    with pytest.raises(AegisError) as caught:
        await store.get("a")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert (await store.health()).state == "down"
    await store.aclose()


@pytest.mark.anyio
async def test_production_wants_a_disk_that_lasts(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(files, "_read_mounts", lambda: "1 1 0:1 / / rw - overlay overlay rw")
    deps = AdapterDeps(environment="production")
    store = FileState(tmp_path, deps) if kind == "file" else SqliteState(tmp_path / "s.db", deps)
    with pytest.raises(AegisError) as caught:
        await store.open()
    assert caught.value.code is ErrorCode.UNSUPPORTED
    store = LOCAL[kind](tmp_path)
    await store.open()
    assert (await store.health()).state == "degraded"
    await store.aclose()


def test_urls(tmp_path):
    deps = AdapterDeps()
    assert file_module.from_url(ServiceUrl.parse("file:a/b"), deps).root == Path("a/b").absolute()
    assert sqlite_module.from_url(ServiceUrl.parse(f"sqlite://{tmp_path}/s.db"), deps).path == tmp_path / "s.db"
    assert isinstance(memory_module.from_url(ServiceUrl.parse("memory:"), deps), MemoryState)
    for module, text in (
        (file_module, "file://host/a"),
        (file_module, "file:a?x=1"),
        (sqlite_module, "sqlite:"),
        (memory_module, "memory:?x=1"),
    ):
        with pytest.raises(SettingsError):
            module.from_url(ServiceUrl.parse(text), deps)
    assert list(tmp_path.iterdir()) == []
