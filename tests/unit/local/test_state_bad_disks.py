"""State stores of this machine on disks that are full, that fail, and that this user may not read."""

import errno
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys

import anyio
import pytest

from aegis_core.kernel import files
from aegis_core.kernel.errors import ErrorCode
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.sqlite.state import SqliteState

LOCAL = {"file": lambda folder: FileState(folder), "sqlite": lambda folder: SqliteState(folder / "state.db")}


@pytest.fixture(params=list(LOCAL))
def kind(request):
    return request.param


def _as_nobody(kind, folder, code_file):
    anyio.run(anyio.sleep, 0)  # nobody may not read the packages that are loaded on demand
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
