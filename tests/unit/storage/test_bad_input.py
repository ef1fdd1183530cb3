"""What goes wrong outside: files that change, disks that are full, folders that are closed, cancelled tasks."""

import asyncio
import errno
import os
import subprocess
import sys
import textwrap
import threading

import anyio
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.storage import MemoryStorage, MemoryWriter
from aegis_core.testing.interrupt import every_wait

MIB = 1 << 20


def leftovers(root):
    return list((root / ".#writing").iterdir())


@pytest.mark.anyio
async def test_a_file_of_200_mb_is_stored_and_read_without_holding_it(folder, opened, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    async with opened(folder) as storage:
        info = await storage.upload("large", path)
        assert info.size == 200_000_000
        size = 0
        async with storage.open("large") as reader:
            async for chunk in reader:
                size += len(chunk)
        assert size == 200_000_000


def grow(path):
    with path.open("ab") as file:
        file.write(b"x")


def cut(path):
    os.truncate(path, 2 * MIB)


def touch(path):
    with path.open("r+b") as file:
        file.write(b"y")
    os.utime(path, ns=(1, 1))


@pytest.mark.anyio
@pytest.mark.parametrize("change", [grow, cut, touch])
async def test_a_file_that_changes_while_it_is_read_is_a_conflict_and_nothing_is_published(
    change, adapter, opened, tmp_path
):
    path = tmp_path / "source"
    path.write_bytes(bytes(3 * MIB))
    async with opened(adapter) as storage:
        write = adapter.write
        calls = []

        def write_and_change(key, /, *, replace):
            writer = write(key, replace=replace)
            inner = writer.write

            async def changing(make, /):
                calls.append(make)
                if len(calls) == 2:
                    change(path)
                await inner(make)

            writer.write = changing
            return writer

        adapter.write = write_and_change
        with pytest.raises(AegisError) as caught:
            await storage.upload("a", path)
        assert caught.value.code is ErrorCode.CONFLICT
        assert [info.key async for info in storage.list()] == []


@pytest.mark.anyio
async def test_a_stored_file_that_is_changed_in_place_while_it_is_read_is_a_conflict(folder, opened):
    async with opened(folder) as storage:
        await storage.upload("a", bytes(4 * MIB))
        with pytest.raises(AegisError) as caught:
            async with storage.open("a") as reader:
                async for _ in reader:
                    grow(folder.root / "_" / "a@")
        assert caught.value.code is ErrorCode.CONFLICT


@pytest.mark.anyio
async def test_a_pipe_is_no_source_and_does_not_hang(adapter, opened, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    async with opened(adapter) as storage:
        with anyio.fail_after(5), pytest.raises(AegisError, match="regular file"):
            await storage.upload("a", tmp_path / "pipe")


@pytest.mark.anyio
@pytest.mark.parametrize("source", ["bytes", "path", "iterator", "async"])
async def test_an_upload_that_is_cancelled_anywhere_leaves_the_old_object_or_the_new(
    source, adapter, opened, tmp_path, monkeypatch
):
    monkeypatch.setattr("aegis_core.storage.source.PIECE", 1000)
    body = bytes(range(256)) * 10
    path = tmp_path / "source"
    path.write_bytes(body)

    async def pieces():
        for start in range(0, len(body), 100):
            await anyio.lowlevel.checkpoint()
            yield body[start : start + 100]

    sources = {
        "bytes": lambda: body,
        "path": lambda: path,
        "iterator": lambda: (body[start : start + 100] for start in range(0, len(body), 100)),
        "async": pieces,
    }
    async with opened(adapter) as storage:
        steps = 0
        for step in every_wait():
            steps += 1
            await storage.upload("a", b"old", replace=True)
            given = sources[source]()

            async def work(given=given):
                await storage.upload("a", given, replace=True)

            await step.run(work)
            got = await storage.download("a")
            assert got in (b"old", body)
            assert got == body or not step.done
            if isinstance(adapter, FileStorage):
                assert leftovers(adapter.root) == []
        assert steps > 4


@pytest.mark.anyio
async def test_a_writer_is_closed_to_the_end_though_the_task_is_cancelled(opened):
    """An adapter need not shield its clean-up itself."""
    closed = []

    class Slow(MemoryStorage):
        class Writer(MemoryWriter):
            async def write(self, make, /):
                await anyio.sleep_forever()

            async def aclose(self):
                for _ in range(3):
                    await anyio.lowlevel.checkpoint()
                closed.append(True)

        def write(self, key, /, *, replace):
            return self.Writer(self, key, replace)

    async with opened(Slow()) as storage:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(storage.upload, "a", b"x")
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
    assert closed == [True]


def test_a_task_that_asyncio_cancels_in_its_thread_hop_leaves_nothing(folder, opened):
    """`Task.cancel` leaves the thread running: closing must wait for it, or it would write after the end."""
    entered, go_on = threading.Event(), threading.Event()

    async def main():
        async with opened(folder) as storage:

            def slow():
                yield bytes(2 * MIB)
                entered.set()
                assert go_on.wait(10)
                yield bytes(2 * MIB)

            task = asyncio.create_task(storage.upload("a", slow()))
            while not entered.is_set():
                await asyncio.sleep(0)
            task.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert leftovers(folder.root) == []
            assert [info.key async for info in storage.list()] == []
            await storage.upload("a", b"later")

    asyncio.run(main())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, ErrorCode.RESOURCE_EXHAUSTED),
        (errno.EDQUOT, ErrorCode.RESOURCE_EXHAUSTED),
        (errno.EACCES, ErrorCode.PERMISSION_DENIED),
        (errno.EIO, ErrorCode.INTERNAL),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
async def test_a_disk_that_fails_is_named_by_its_code_and_leaves_nothing(
    call, number, code, folder, opened, trail, monkeypatch
):
    async with opened(folder) as storage:

        def fail(*args, **options):
            raise OSError(number, os.strerror(number), str(folder.root / "Somchai"))

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(AegisError) as caught:
                await storage.upload("Somchai", bytes(3 * MIB))
        assert caught.value.code is code
        assert "Somchai" not in f"{caught.value}{caught.value.__cause__}"
        assert leftovers(folder.root) == []
        assert [info.key async for info in storage.list()] == []
        await storage.upload("Somchai", b"there is room again")


PROGRAM = """
import anyio, os, sys
from pathlib import Path
from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.errors import AegisError
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.service import Storage

async def main():
    root = Path(sys.argv[1])
    async with Keyring(MemoryVault(), MemoryState()) as ring:
        try:
            async with Storage(FileStorage(root), ring) as storage:
                %s
        except AegisError as error:
            print(error.code.value, "Somchai" in str(error), error.__cause__)

anyio.run(main)
"""


def run(program, *arguments, before=(), **options):
    code = PROGRAM % textwrap.indent(textwrap.dedent(program), " " * 16).strip()
    return subprocess.run(
        [*before, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=os.getcwd(),
        **options,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize("place", ["store", "new"])
def test_a_folder_without_permission_is_permission_denied(place, tmp_path):
    done = run(
        """
        await storage.upload("warm/up", b"x")
        async def become_nobody():
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        await become_nobody()
        try:
            if sys.argv[2] == "store":
                await storage.upload("Somchai", b"x")
            else:
                async with Storage(FileStorage(root / "below" / "Somchai"), ring):
                    pass
        except AegisError as error:
            print(error.code.value, "Somchai" in f"{error}{error.__cause__}")
        """,
        tmp_path / "store",
        place,
    )
    assert done.stdout == "permission_denied False\n", done.stdout + done.stderr[-2000:]


def can_mount():
    probe = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="unshare -Urm cannot mount a small disk here: ENOSPC is injected above")
def test_a_full_disk_is_resource_exhausted_and_leaves_nothing(tmp_path):
    mount = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    done = run(
        """
        await storage.upload("first", bytes(1 << 20))
        try:
            await storage.upload("Somchai", bytes(8 << 20))
        except AegisError as error:
            print(error.code.value, "Somchai" in str(error))
        print(os.listdir(root / ".#writing"), [info.key async for info in storage.list()])
        await storage.upload("second", bytes(1 << 20))
        print(len(await storage.download("first")), len(await storage.download("second")))
        """,
        tmp_path,
        before=["unshare", "-Urm", "sh", "-c", mount, str(tmp_path)],
    )
    expected = ["resource_exhausted False", "[] ['first']", "1048576 1048576"]
    assert done.stdout.splitlines() == expected, done.stderr[-2000:]
