"""An export that is ended anywhere never passes for a whole one, and goes on without copying anything twice."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import REVEAL

#: Counts calls of the system's functions by which files come to be, and ends the process at the N-th.
PROGRAM = """
import os, signal, sys
count = 0
def counting(function):
    def call(*arguments, **options):
        global count
        count += 1
        if count == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
import aegis_cli.landing, aegis_cli.export.command
for name in ("link", "replace", "unlink", "fsync", "ftruncate", "mkdir"):
    setattr(os, name, counting(getattr(os, name)))
aegis_cli.landing.Landing._write = counting(aegis_cli.landing.Landing._write)
from aegis_cli.main import run
code = run(sys.argv[2:])
print(count, file=sys.stderr)
sys.exit(code)
"""


def call(at, *arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(at), *arguments], capture_output=True, text=True, check=False
    )


def copied(records):
    return sum(action == "storage.copied" for action, *_ in records)


def test_killed_at_every_step_it_is_no_export_and_then_goes_on(clinic, aegis):
    steps = int(call(0, "export", "counted").stderr.splitlines()[-1])
    assert steps > 60
    for at in range(3, steps, max(1, steps // 12)):
        folder = f"out-{at}"
        killed = call(at, "export", folder)
        assert killed.returncode == -signal.SIGKILL
        clinic.patient.assert_absent(*([Path(folder)] if Path(folder).exists() else []))
        if not Path(folder, "export.json").exists():  # the last steps only tidy up
            assert aegis("export", folder, "--check").exit == 1
            ended = aegis("export", folder)
            assert ended.exit == 0, ended.err
        found = aegis("export", folder, "--check", "--json")
        assert found.exit == 0, found.out
        assert found.document["objects"] == 4
        left = {path.name for path in Path(folder).rglob(".*")}
        assert left <= ({".unfinished", ".progress.jsonl"} if killed else set())


def test_what_was_copied_is_not_copied_again(clinic, aegis, recorded):
    program = PROGRAM.replace(
        "from aegis_cli.main import run",
        "import aegis_cli.export.folder as folder\n"
        "note, noted = folder.ExportFolder.note, []\n"
        "def noting(self, *arguments):\n"
        "    noted.append(note(self, *arguments))\n"
        "    if len(noted) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return noted[-1]\n"
        "folder.ExportFolder.note = noting\n"
        "from aegis_cli.main import run",
    )
    command = [sys.executable, "-c", program, "0", "export", "out"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    first = copied(recorded("storage.copied"))
    assert aegis("export", "out").exit == 0
    second = copied(recorded("storage.copied")) - first
    assert second == 2
    assert recorded("export.began", "export.finished") == [
        *[("export.began", "success", f"system user {os.getuid()}", "HSYSADMIN")] * 2,
        ("export.finished", "success", f"system user {os.getuid()}", "HSYSADMIN"),
    ]


@pytest.fixture
def unfinished(clinic, aegis, monkeypatch):
    """An export that holds every object and was ended before its log."""
    from aegis_core import AuditTrail

    async def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "a text with a name in it")

    with monkeypatch.context() as patched:
        patched.setattr(AuditTrail, "export", full)
        ended = aegis("export", "out", "--json")
    assert ended.exit == 1
    assert ended.document["error"]["code"] == "resource_exhausted"
    assert "a name" not in ended.out + ended.err
    assert not Path("out/export.json").exists()
    return clinic


def test_a_full_disk_is_told_and_with_room_it_goes_on(unfinished, aegis, recorded):
    before = copied(recorded("storage.copied"))
    assert aegis("export", "out").exit == 0
    assert copied(recorded("storage.copied")) == before
    assert aegis("export", "out", "--check").exit == 0


def test_what_changed_and_went_since_is_as_it_is_now(unfinished, aegis, application):
    from aegis_core import Principal, Purpose, acting

    async def change(opened):
        with acting(Principal("dr", "x"), purpose=Purpose.TREATMENT):
            await opened.storage.upload("lab/2", b"new", replace=True)
            await opened.storage.delete("x-ray/a b/ü.dcm")
            await opened.storage.upload("lab/9", b"more")

    application(change)
    assert aegis("export", "out").exit == 0
    assert aegis("export", "out", "--check").exit == 0
    lines = [json.loads(line) for line in Path("out/objects.jsonl").read_text().splitlines()]
    assert sorted(line["size"] for line in lines) == sorted([3, 4, len(unfinished.body), len(unfinished.body)])
    on_disk = {path.relative_to("out").as_posix() for path in Path("out/objects").rglob("*") if path.is_file()}
    assert on_disk == {line["file"] for line in lines}


def test_a_note_that_was_cut_off_counts_for_nothing(unfinished, aegis, recorded):
    progress = Path("out/.progress.jsonl")
    progress.write_bytes(progress.read_bytes()[:-20])
    before = copied(recorded("storage.copied"))
    assert aegis("export", "out").exit == 0
    assert copied(recorded("storage.copied")) == before + 1
    assert aegis("export", "out", "--check").exit == 0


def test_a_file_that_was_lost_is_copied_again(unfinished, aegis):
    Path("out/objects/default/00000/00000001").unlink()
    assert aegis("export", "out").exit == 0
    assert aegis("export", "out", "--check").exit == 0


def test_sealed_and_opened_are_not_mixed(unfinished, aegis, recorded):
    ended = aegis("export", "out", *REVEAL)
    assert ended.exit == 2
    assert recorded("cli.revealed") == []
    assert aegis("export", "out").exit == 0


def test_two_at_once_do_not_write_into_one_folder(unfinished, aegis):
    import fcntl

    with Path("out/.unfinished").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert aegis("export", "out").exit == 75
    assert aegis("export", "out").exit == 0


def test_while_objects_change_each_is_one_version_whole(clinic, aegis, application, monkeypatch):
    """Every object is replaced while it is read: it is read again."""
    from aegis_core import AegisError, ErrorCode
    from aegis_core.storage import SealedReader

    real, times = SealedReader.__aenter__, {}

    async def changing(self):
        entered = await real(self)
        times[self.info.key] = times.get(self.info.key, 0) + 1
        if times[self.info.key] < 3:
            await self.__aexit__(None, None, None)
            raise AegisError(ErrorCode.CONFLICT, "it was replaced", operation="storage.sealed")
        return entered

    monkeypatch.setattr(SealedReader, "__aenter__", changing)
    assert aegis("export", "out").exit == 0
    assert aegis("export", "out", "--check", "--json").document["objects"] == 4
