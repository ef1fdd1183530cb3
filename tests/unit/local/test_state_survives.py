"""State stores of this machine: processes, kills, forks, clocks that go back, disks that are full."""

import errno
import multiprocessing
import os
import shutil
import signal
import sqlite3
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


# -------------------------------------------------------------------------------------------------------- bad disks


def _as_nobody(kind, folder, code_file):
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)

    async def main():
        store = LOCAL[kind](folder)
        try:
            await store.open()
        except Exception as error:  # noqa: BLE001
            return str(store.classify(error))
        return "opened"

    code_file.send(anyio.run(main))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another user")
def test_a_folder_without_permission_is_permission_denied(tmp_path, kind):
    folder = tmp_path / "theirs"
    folder.mkdir(0o700)
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    for where in (folder, folder / "deeper"):
        worker = spawn.Process(target=_as_nobody, args=(kind, where, there))
        worker.start()
        worker.join(60)
        assert here.poll(1)
        assert here.recv() == "permission_denied"


FULL = """
import sys, anyio
from pathlib import Path
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.sqlite.state import SqliteState
kind, folder = sys.argv[1], Path(sys.argv[2])
async def main():
    store = FileState(folder) if kind == "file" else SqliteState(folder / "state.db")
    await store.open()
    ballast = folder.parent / "ballast"
    ballast.write_bytes(bytes(1_400_000))
    revision = await store.put("a", b"kept", expected=None)
    codes = set()
    for number in range(40):
        try:
            await store.put(f"fill/{number}", bytes(100_000), expected=None)
        except Exception as error:
            codes.add(str(store.classify(error)))
    try:
        await store.put("a", bytes(400_000), expected=revision)
    except Exception as error:
        codes.add(str(store.classify(error)))
    document = await store.get("a")
    assert (document.body, document.revision) == (b"kept", revision)
    ballast.unlink()  # a deletion takes room, too: the log of it
    for name in await store.names("fill/"):
        assert (await store.get(name)).body == bytes(100_000)
        await store.delete(name)
    await store.put("a", b"there is room again", expected=revision)
    print(codes)
    await store.aclose()
anyio.run(main)
"""


def test_a_full_disk_is_resource_exhausted_and_loses_nothing(tmp_path, kind):
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Urm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare -Urm is not allowed here; the injected ENOSPC below stands in")
    script = 'mount -t tmpfs -o size=2800k none "$0" && exec "$@"'
    done = subprocess.run(
        [unshare, "-Urm", "sh", "-c", script, str(tmp_path), sys.executable, "-c", FULL, kind, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "{'resource_exhausted'}", done.stdout + done.stderr


@pytest.mark.anyio
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
async def test_a_failed_fsync_leaves_the_old_document_and_no_file(tmp_path, monkeypatch, number):
    store = FileState(tmp_path)
    await store.open()
    revision = await store.put("a", b"old", expected=None)

    def fail(_fd):
        raise OSError(number, "injected")

    with monkeypatch.context() as patched:
        patched.setattr(files, "sync_file", fail)
        with pytest.raises(OSError, match="injected") as caught:
            await store.put("a", b"new", expected=revision)
    assert store.classify(caught.value) in {ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.INTERNAL}
    document = await store.get("a")
    assert (document.body, document.revision) == (b"old", revision)
    assert [path.name for path in (tmp_path / ".state").iterdir()] == ["lock"]
    assert await store.put("a", b"new", expected=revision)
    await store.aclose()


@pytest.mark.anyio
async def test_sqlite_errors_have_codes(tmp_path):
    (tmp_path / "bad.db").write_bytes(b"this is no database, whatever its name says" * 100)
    store = SqliteState(tmp_path / "bad.db")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        await store.open()
    assert store.classify(caught.value) is ErrorCode.INTEGRITY
    assert store.classify(ValueError()) is None
    await store.aclose()


# ---------------------------------------------------------------------------------------------------------- erasing


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8)
def test_no_part_of_what_went_is_in_the_file_whatever_the_sizes(tmp_path_factory, seed):
    import random
    import re

    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("erase")

    async def main():
        store = SqliteState(folder / "state.db")
        await store.open()
        store.native(sqlite3.Connection).execute("PRAGMA synchronous = OFF")
        alive = {}
        number = 0
        for _ in range(120):
            name = f"s/{'n' * chance.choice([0, 40, 150])}{chance.randrange(40):02d}"
            if name in alive and chance.random() < 0.4:
                await store.delete(name)
                del alive[name]
            else:
                number += 1
                size = chance.choice([1, 2, 9, 40, 90, 110, 300, 900])
                revision = await store.put(
                    name, b"<%08d>" % number * size, expected=alive[name][1] if name in alive else None
                )
                alive[name] = (number, revision)
        raw = subprocess.run(["cat", *map(str, folder.iterdir())], capture_output=True, check=True).stdout
        found = {int(mark) for mark in re.findall(rb"<(\d{8})>", raw)}
        assert found == {number for number, _ in alive.values()}
        await store.aclose()

    anyio.run(main)
    shutil.rmtree(folder)


@pytest.mark.anyio
async def test_a_reader_elsewhere_that_keeps_old_pages_is_told_and_a_second_delete_erases(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_module, "_PATIENCE", 0.05)
    store = SqliteState(tmp_path / "state.db")
    await store.open()
    await store.put("subjects/a", b"<erase-me>" * 20, expected=None)
    reader = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()
    with pytest.raises(AegisError) as caught:
        await store.delete("subjects/a")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert await store.get("subjects/a") is None
    reader.execute("COMMIT")
    reader.close()
    await store.delete("subjects/a")
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" not in raw.stdout
    await store.aclose()


@pytest.mark.anyio
async def test_what_a_killed_process_deleted_is_erased_at_the_next_open(tmp_path):
    program = """
import sys, os, anyio
from pathlib import Path
from aegis_core.local.sqlite import state
state.SqliteState._erase = lambda self, connection: None
async def main():
    store = state.SqliteState(Path(sys.argv[1]))
    await store.open()
    await store.put("subjects/a", b"<erase-me>" * 20, expected=None)
    await store.delete("subjects/a")
    os._exit(0)
anyio.run(main)
"""
    await anyio.run_process([sys.executable, "-c", program, str(tmp_path / "state.db")])
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" in raw.stdout
    store = SqliteState(tmp_path / "state.db")
    await store.open()
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" not in raw.stdout
    await store.aclose()
