"""A name is there whole or not at all, and what forbids it has a code."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aegis_core.kernel import files
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import (
    classify_os_error,
    durability_warning,
    filesystem_of,
    locked,
    make_folders,
    publish,
    publish_new,
    read_whole,
    require_durable,
    write_new,
)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, ErrorCode.PERMISSION_DENIED),
        (errno.EPERM, ErrorCode.PERMISSION_DENIED),
        (errno.EROFS, ErrorCode.PERMISSION_DENIED),
        (errno.ENOSPC, ErrorCode.RESOURCE_EXHAUSTED),
        (errno.EDQUOT, ErrorCode.RESOURCE_EXHAUSTED),
        (errno.EMFILE, ErrorCode.RESOURCE_EXHAUSTED),
        (errno.ENOENT, ErrorCode.NOT_FOUND),
        (errno.EEXIST, ErrorCode.ALREADY_EXISTS),
        (errno.ENAMETOOLONG, ErrorCode.INVALID_ARGUMENT),
        (errno.EIO, ErrorCode.INTERNAL),
        (errno.ESTALE, ErrorCode.UNAVAILABLE),
    ],
)
def test_each_number_of_the_system_has_a_code(number, code):
    assert classify_os_error(OSError(number, "x")) is code


def test_other_exceptions_are_not_ours():
    assert classify_os_error(ValueError()) is None
    assert classify_os_error(OSError("no number")) is None


def test_publish_replaces_and_publish_new_does_not(tmp_path):
    target = tmp_path / "a"
    write_new(tmp_path / "t1", [b"on", memoryview(b"e")])
    publish_new(tmp_path / "t1", target)
    assert target.read_bytes() == b"one"
    write_new(tmp_path / "t2", [b"two"])
    with pytest.raises(FileExistsError):
        publish_new(tmp_path / "t2", target)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    write_new(tmp_path / "t3", [b"three"])
    publish(tmp_path / "t3", target)
    assert target.read_bytes() == b"three"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_everything_is_synced_before_and_after_the_name_is_given(tmp_path, monkeypatch):
    seen = []
    sync, replace = os.fsync, os.replace
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("needs /proc to see which file was synced")
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append((fds / str(fd)).readlink().name), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append("named"), replace(a, b)))
    write_new(tmp_path / "t", [b"x"])
    publish(tmp_path / "t", tmp_path / "a")
    assert seen == ["t", "named", tmp_path.name]


def test_a_file_that_could_not_be_finished_is_removed(tmp_path, monkeypatch):
    def pieces():
        yield b"x"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_new(tmp_path / "t", pieces())
    monkeypatch.setattr(files, "sync_file", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "fsync")))
    with pytest.raises(OSError, match="fsync"):
        write_new(tmp_path / "t", [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_write_new_takes_no_name_that_is_taken(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, [b"x"])
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()


def test_folders_are_made_for_the_owner_alone_and_a_file_in_the_way_is_an_error(tmp_path):
    make_folders(tmp_path / "a" / "b" / "c")
    make_folders(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(OSError, match=r".") as caught:
        make_folders(tmp_path / "f" / "x")
    assert classify_os_error(caught.value) in {ErrorCode.INVALID_ARGUMENT, ErrorCode.ALREADY_EXISTS}


def test_a_lock_excludes_threads_and_processes_and_goes_with_its_process(tmp_path):
    lock = tmp_path / "lock"
    inside = []

    def work():
        for _ in range(20):
            with locked(lock):
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    program = (
        "import sys,time; from pathlib import Path; from aegis_core.kernel.files import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AegisError) as caught, locked(lock, wait=False):
            pass
        assert caught.value.code is ErrorCode.UNAVAILABLE
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with locked(lock):
        pass


def test_reading_gives_body_and_status_of_one_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    body, status = read_whole(path, largest=100)
    assert (body, status.st_size) == (b"x" * 100, 100)
    with pytest.raises(AegisError) as caught:
        read_whole(path, largest=99)
    assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError):
            read_whole(missing, largest=1)


MOUNTS = r"""
22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime - overlay overlay rw,lowerdir=/x
30 27 0:1 / /data rw - ext4 /dev/sda rw
31 30 0:2 / /data/share\040one rw shared:1 - nfs4 server:/x rw
32 27 0:3 / /mem rw - tmpfs tmpfs rw
33 27 0:4 / /mem rw - xfs /dev/sdb rw
34 27 0:5 / /odd rw - fuse.something x rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/data/a/b", "ext4", "local"),
        ("/data/share one/a", "nfs4", "network"),
        ("/data/share", "ext4", "local"),
        ("/datafile", "overlay", "overlay"),
        ("/mem/x", "xfs", "local"),
        ("/odd", "fuse.something", "unknown"),
    ],
)
def test_the_nearest_mount_says_what_a_folder_stands_on(path, name, kind):
    found = filesystem_of(Path(path), mounts=lambda: MOUNTS)
    assert (found.name, found.kind) == (name, kind)


def test_where_nothing_can_be_known_it_says_so():
    def unreadable():
        raise OSError

    assert filesystem_of(Path("/x"), mounts=unreadable).kind == "unknown"


@pytest.mark.parametrize(
    ("fs", "refused"), [("overlay", True), ("nfs4", True), ("tmpfs", True), ("ext4", False), ("fuse.x", False)]
)
def test_production_refuses_what_does_not_last_and_development_is_told(tmp_path, monkeypatch, fs, refused):
    monkeypatch.setattr(files, "_read_mounts", lambda: f"27 1 254:0 / / rw - {fs} x rw")
    if refused:
        with pytest.raises(AegisError) as caught:
            require_durable(tmp_path, "production")
        assert caught.value.code is ErrorCode.UNSUPPORTED
        assert str(tmp_path) not in str(caught.value)
    else:
        require_durable(tmp_path, "production")
    require_durable(tmp_path, "development")
    assert bool(durability_warning(tmp_path)) is (fs != "ext4")
