"""What the folder adapter promises beyond its port: processes, kills, and what lies on the disk."""

import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import anyio
import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.storage import FileStorage, from_url
from aegis_core.local.memory.storage import from_url as memory_from_url
from aegis_core.storage.model import Key, Match

KEY = Key("_/a/b")


async def put(store, key, body, /, *, replace=False):
    writer = store.write(key, replace=replace)
    try:
        await writer.write(lambda: [body])
        return await writer.commit()
    finally:
        await writer.aclose()


async def get(store, key):
    reader = store.read(key)
    try:
        return await reader.read(bytes) or b""
    finally:
        await reader.aclose()


def race(root, number, etag):
    async def main():
        store = FileStorage(Path(root))
        await store.open()
        won = 0
        for turn in range(20):
            try:
                await put(store, Key(f"_/race/{turn}"), b"%d" % number, replace=Match(etag) if etag else False)
            except AegisError as error:
                assert error.code in {ErrorCode.ALREADY_EXISTS, ErrorCode.PRECONDITION_FAILED}
            else:
                won += 1
        return won

    return anyio.run(main)


def add_one(root, count):
    async def main():
        store = FileStorage(Path(root))
        await store.open()
        added = 0
        while added < count:
            info = await store.stat(KEY)
            value = int(await get(store, KEY))
            if (await store.stat(KEY)).etag != info.etag:
                continue
            try:
                await put(store, KEY, b"%d" % (value + 1), replace=Match(info.etag))
            except AegisError as error:
                assert error.code is ErrorCode.PRECONDITION_FAILED
            else:
                added += 1

    anyio.run(main)


@pytest.fixture
def pool():
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_of_several_processes_that_create_one_wins(tmp_path, pool):
    won = [pool.submit(race, str(tmp_path / "s"), number, None) for number in range(4)]
    assert sum(each.result(60) for each in won) == 20


def test_several_processes_count_without_losing_one(tmp_path, pool):
    async def main():
        store = FileStorage(tmp_path / "s")
        await store.open()
        await put(store, KEY, b"0")
        return store

    store = anyio.run(main)
    for each in [pool.submit(add_one, str(tmp_path / "s"), 15) for _ in range(4)]:
        each.result(60)
    assert anyio.run(get, store, KEY) == b"60"


KILLED = """
import anyio, os, sys
from pathlib import Path
from aegis_core.local.filesystem.storage import FileStorage

async def main():
    store = FileStorage(Path(sys.argv[1]))
    await store.open()
    writer = store.write("_/killed", replace=False)
    await writer.write(lambda: [b"some"])
    await writer.write(lambda: [b"more"])
    print("writing", flush=True)
    sys.stdin.read()

anyio.run(main)
"""


@pytest.mark.anyio
async def test_what_a_killed_writer_left_is_cleared_at_open_and_what_a_living_one_writes_is_not(tmp_path):
    root = tmp_path / "s"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "writing\n"
        left = list((root / ".#writing").iterdir())
        assert len(left) == 1
        store = FileStorage(root)
        await store.open()
        assert list((root / ".#writing").iterdir()) == left
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert list((root / ".#writing").iterdir()) == left
    await FileStorage(root).open()
    assert list((root / ".#writing").iterdir()) == []
    assert (await store.list("")).objects == ()


@pytest.mark.anyio
async def test_a_writer_survives_that_others_open_the_store_while_it_writes(folder, tmp_path):
    await folder.open()
    writer = folder.write(KEY, replace=False)
    for _ in range(3):
        await writer.write(lambda: [b"piece"])
        await FileStorage(folder.root).open()
    await writer.commit()
    await writer.aclose()
    assert await get(folder, KEY) == b"piece" * 3


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are named in /proc")
@pytest.mark.parametrize("replace", [False, True])
async def test_bytes_are_on_disk_before_the_name_and_the_name_with_all_its_folders_before_commit_returns(
    replace, folder, monkeypatch
):
    await folder.open()
    seen = []

    def told(module, name, describe):
        original = getattr(module, name)

        def call(*args, **options):
            result = original(*args, **options)
            seen.append(describe(*args))
            return result

        monkeypatch.setattr(module, name, call)

    def synced(fd):
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        return "sync bytes" if path.parent.name == ".#writing" else f"sync {path.relative_to(folder.root.parent)}"

    told(os, "fsync", synced)
    told(os, "link", lambda *args: "name")
    told(os, "rename", lambda *args: "name")
    await put(folder, KEY, b"x", replace=replace)
    assert seen == ["sync bytes", "name", "sync store/_/a", "sync store/_", "sync store"]
    seen.clear()
    told(os, "unlink", lambda *args: "unlink")
    await folder.delete(KEY)
    assert seen[:2] == ["unlink", "sync store/_/a"]
    assert seen[-1] == "sync store"


@pytest.mark.anyio
async def test_files_are_their_owners_alone_and_emptied_folders_go(folder):
    os.umask(0o022)
    await folder.open()
    await put(folder, KEY, b"x")
    for path in [folder.root, *folder.root.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    await put(folder, Key("_/a/c"), b"x")
    await folder.delete(KEY)
    assert (folder.root / "_" / "a").exists()
    await folder.delete(Key("_/a/c"))
    assert {path.name for path in folder.root.iterdir()} == {".#writing", ".#locks"}


@pytest.mark.anyio
async def test_creating_and_deleting_in_one_folder_at_once_never_fails(folder):
    await folder.open()

    async def work(number):
        for _ in range(15):
            await put(folder, Key(f"_/x/y/{number}"), b"x")
            await folder.delete(Key(f"_/x/y/{number}"))

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(work, number)
    assert (await folder.list("")).objects == ()


@pytest.mark.anyio
async def test_the_layout_on_disk_stays_readable(folder):
    """Bytes and names as the first release wrote them: a later one must read them."""
    await folder.open()
    names = {
        "_/a": ("_", "a@"),
        "_/a/b": ("_", "a", "b@"),
        "clinic-a/%E0%B8%81.pdf": ("clinic-a", "%E0%B8%81.pdf@"),
        "_/" + "s" * 200: ("_", "s" * 200 + ",", "@"),
        "_/" + "s" * 205 + "/t": ("_", "s" * 200 + ",", "s" * 5, "t@"),
        "_/" + "s" * 400 + "/t": ("_", "s" * 200 + ",", "s" * 200 + ",", "+", "t@"),
    }
    for number, names_on_disk in enumerate(names.values()):
        path = folder.root.joinpath(*names_on_disk)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"aegis-object/1\n\0" + bytes([number] * 16) + b"body")
    listed = (await folder.list("")).objects
    assert {info.key: info.etag for info in listed} == {key: f"{number:02x}" * 16 for number, key in enumerate(names)}
    for key in names:
        assert await get(folder, Key(key)) == b"body"


@pytest.mark.anyio
async def test_strange_files_in_the_folder_are_no_objects_and_damaged_ones_hide_no_other(folder):
    await folder.open()
    await put(folder, KEY, b"x")
    (folder.root / "lost+found").mkdir()
    (folder.root / "README.txt").write_text("not a key's name")
    (folder.root / "_" / "a" / "dir@").mkdir()
    (folder.root / "_" / "a" / "link@").symlink_to("/etc/passwd")
    (folder.root / "_" / "damaged@").write_bytes(b"short")
    listed = (await folder.list("")).objects
    assert [info.key for info in listed] == ["_/a/b", "_/damaged"]
    for work in (folder.stat(Key("_/damaged")), get(folder, Key("_/damaged"))):
        with pytest.raises(AegisError) as caught:
            await work
        assert caught.value.code is ErrorCode.INTEGRITY
    await folder.delete(Key("_/damaged"))


@pytest.mark.anyio
async def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path):
    await folder.open()
    await put(folder, KEY, b"x")
    (tmp_path / "outside").write_bytes(b"aegis-object/1\n\0" + bytes(16) + b"outside")
    (folder.root / "_" / "a" / "link@").symlink_to(tmp_path / "outside")
    with pytest.raises(AegisError) as caught:
        await get(folder, Key("_/a/link"))
    assert caught.value.code is ErrorCode.INTEGRITY


@pytest.mark.anyio
async def test_a_store_keeps_its_place_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = from_url(ServiceUrl.parse("file:below/store"), AdapterDeps())
    await store.open()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await put(store, KEY, b"x")
    assert (tmp_path / "below" / "store" / "_" / "a" / "b@").exists()


@pytest.mark.anyio
async def test_a_store_whose_folder_is_gone_is_unavailable(folder, opened):
    async with opened(folder) as storage:
        (folder.root / ".#writing").rmdir()
        with pytest.raises(AegisError) as caught:
            await storage.upload("a", b"x")
        assert caught.value.code is ErrorCode.UNAVAILABLE


def test_urls_are_read_without_touching_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert from_url(ServiceUrl.parse("file:store"), AdapterDeps()).root == tmp_path / "store"
    assert from_url(ServiceUrl.parse("file:///var/x"), AdapterDeps()).root == Path("/var/x")
    assert memory_from_url(ServiceUrl.parse("memory:"), AdapterDeps()).name == "memory"
    assert list(tmp_path.iterdir()) == []
    for url in ("file://host/x", "file:", "file:x?mode=1"):
        with pytest.raises(SettingsError):
            from_url(ServiceUrl.parse(url), AdapterDeps())
    with pytest.raises(SettingsError):
        memory_from_url(ServiceUrl.parse("memory:?x=1"), AdapterDeps())


@pytest.mark.anyio
async def test_health_tells_of_room_and_of_a_missing_folder(folder):
    assert (await folder.health()).state == "down"
    await folder.open()
    health = await folder.health()
    assert health.state in {"up", "degraded"}
    assert health.facts["free_bytes"] > 0
