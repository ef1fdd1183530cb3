"""``aegis storage``: keys are marked, what objects hold needs a purpose, and a file is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_cli.landing import Landing

from .conftest import REVEAL

MIB = 1 << 20


def listed():
    return sorted(path.name for path in Path.cwd().iterdir())


def test_a_mark_stands_for_what_comes_after_the_prefix(clinic, aegis):
    ended = aegis("storage", "ls", "--json")
    assert ended.exit == 0
    assert [entry["key"] for entry in ended.records] == ["[phi.unique_id]"] * 3
    assert all(entry["stored_size"] > len(clinic.body) for entry in ended.records)
    assert [entry["key"] for entry in aegis("storage", "ls", "lab/", "--json").records] == ["lab/[phi.unique_id]"] * 2
    table = aegis("storage", "ls").out
    assert len(table.splitlines()) == 4
    clinic.patient.assert_absent(ended.out, table)


def test_revealed_the_keys_are_shown_and_it_is_on_record(clinic, aegis, recorded):
    ended = aegis("storage", "ls", "--json", *REVEAL)
    assert {entry["key"] for entry in ended.records} == set(clinic.keys)
    assert "x-ray/a b/ü.dcm" in aegis("storage", "ls", *REVEAL).out
    assert recorded("cli.revealed") == [("cli.revealed", "success", "dpo", "PATRQT")] * 2


def test_each_tenant_has_its_own(clinic, aegis):
    ended = aegis("storage", "ls", "--tenant", "clinic-b", "--json", *REVEAL)
    assert [entry["key"] for entry in ended.records] == list(clinic.tenant_keys)
    assert aegis("storage", "ls", "--tenant", "nobody", "--json").out == ""


def test_an_object_is_opened_into_a_file_of_its_owners_alone(clinic, aegis, recorded):
    ended = aegis("storage", "get", clinic.keys[0], "-o", "out.pdf", *REVEAL)
    assert ended.exit == 0, ended.err
    assert Path("out.pdf").read_bytes() == clinic.body
    assert Path("out.pdf").stat().st_mode & 0o777 == 0o600
    clinic.patient.assert_absent(ended.out, ended.err)
    assert recorded("cli.revealed", "storage.read") == [
        ("cli.revealed", "success", "dpo", "PATRQT"),
        ("storage.read", "success", "dpo", "PATRQT"),
    ]
    assert aegis("storage", "get", clinic.keys[1], *REVEAL).exit == 0
    assert Path("2").read_bytes() == clinic.body  # named as the key's last part
    assert aegis("storage", "get", clinic.tenant_keys[0], "--tenant", "clinic-b", "-o", "b", *REVEAL).exit == 0
    assert aegis("storage", "get", clinic.keys[0], "-o", "-", *REVEAL).out.encode() == clinic.body


def test_without_reveal_nothing_is_opened(clinic, aegis, recorded):
    for output in (["-o", "x"], ["-o", "-"], []):
        ended = aegis("storage", "get", clinic.keys[0], *output)
        assert ended.exit == 2
        assert "--reveal" in ended.err
        clinic.patient.assert_absent(ended.out, ended.err)
    assert recorded("cli.revealed", "storage.read") == []
    assert not Path("x").exists()


def test_a_file_that_is_there_stays_unless_it_may_go(clinic, aegis):
    Path("x").write_text("mine")
    ended = aegis("storage", "get", clinic.keys[0], "-o", "x", *REVEAL)
    assert ended.exit == 1
    assert Path("x").read_text() == "mine"
    assert aegis("storage", "get", clinic.keys[0], "-o", "x", "--replace", *REVEAL).exit == 0
    assert Path("x").read_bytes() == clinic.body


def test_a_changed_byte_leaves_no_file(clinic, aegis, tmp_path):
    (stored,) = tmp_path.glob(".aegis/storage/**/2@")
    octets = bytearray(stored.read_bytes())
    octets[-1] ^= 1
    stored.write_bytes(octets)
    before = listed()
    ended = aegis("storage", "get", "lab/2", "-o", "x", *REVEAL)
    assert ended.exit == 3
    assert listed() == before
    assert aegis("storage", "get", "lab/2", "-o", "-", *REVEAL).exit == 3


def test_a_file_is_stored_sealed_and_comes_back(clinic, aegis, recorded, tmp_path):
    Path("scan").write_bytes(clinic.body)
    ended = aegis("storage", "put", "scan", "scans/1", "--json")
    assert ended.exit == 0, ended.err
    assert ended.document["size"] == len(clinic.body)
    assert recorded("storage.written")[-1] == (
        "storage.written",
        "success",
        f"system user {os.getuid()}",
        "HSYSADMIN",
    )
    for stored in tmp_path.glob(".aegis/storage/**/1@"):
        clinic.patient.assert_absent(stored.read_bytes())
    assert aegis("storage", "get", "scans/1", "-o", "back", *REVEAL).exit == 0
    assert Path("back").read_bytes() == clinic.body
    assert aegis("storage", "put", "scan", "scans/1").exit == 1
    Path("scan").write_bytes(b"new")
    assert aegis("storage", "put", "scan", "scans/1", "--replace").exit == 0
    assert aegis("storage", "put", "scan", "t/1", "--tenant", "clinic-b").exit == 0


def test_a_further_store_is_named(clinic, aegis, monkeypatch, application):
    monkeypatch.setenv("AEGIS_STORAGE__IMAGES", "file:.aegis/images")
    application()  # begins it
    Path("scan").write_bytes(b"x")
    assert aegis("storage", "put", "scan", "i", "--store", "images").exit == 0
    assert len(aegis("storage", "ls", "--store", "images", "--json").records) == 1
    ended = aegis("storage", "ls", "--store", "other", "--json")
    assert ended.exit != 0
    assert "AEGIS_STORAGE__" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ls", "../up"], 2),
        (["ls", "a//b"], 2),
        (["get", "nothing", "-o", "x", *REVEAL], 1),
        (["get", "/absolute", "-o", "x", *REVEAL], 2),
        (["get", "a/../b", "-o", "x", *REVEAL], 2),
        (["get", "lab/2", "-o", "no/folder/x", *REVEAL], 1),
        (["get", "lab/2", "-o", "-", "--json", *REVEAL], 2),
        (["put", "no-file", "k"], 2),
        (["put", ".", "k"], 2),
        (["put", "file", ""], 2),
        (["put", "file", "a\x00b"], 2),
        (["put", "file", "k" * 2000], 2),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_changes_nothing(clinic, aegis, arguments, code):
    Path("file").write_text("x")
    before = listed()
    ended = aegis("storage", *arguments)
    assert ended.exit == code, ended.err
    assert len(ended.err.splitlines()) == 1
    assert listed() == before
    assert len(aegis("storage", "ls", "--json").records) == 3


def test_where_there_is_no_store_none_is_made(aegis, tmp_path):
    for arguments in (["ls"], ["get", "a", *REVEAL]):
        assert aegis("storage", *arguments).exit == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(clinic, aegis, monkeypatch):
    def full(fd, piece):
        raise OSError(28, "a text with a name in it")

    monkeypatch.setattr("aegis_cli.landing.os.write", full)
    before = listed()
    ended = aegis("storage", "get", "lab/2", "-o", "x", "--json", *REVEAL)
    assert ended.exit == 1
    assert ended.document["error"]["code"] == "resource_exhausted"
    assert listed() == before


@pytest.mark.parametrize("nameless", [True, False])
def test_files_land_without_a_name_where_the_system_can_and_elsewhere_too(clinic, aegis, monkeypatch, nameless):
    if not nameless:
        monkeypatch.setattr("aegis_cli.landing._NAMELESS", 0)
    before = set(listed())
    assert aegis("storage", "get", "lab/2", "-o", "x", *REVEAL).exit == 0
    assert aegis("storage", "get", "lab/2", "-o", "x", *REVEAL).exit == 1
    assert aegis("storage", "get", "lab/2", "-o", "x", "--replace", *REVEAL).exit == 0
    assert aegis("storage", "get", "nothing", "-o", "y", *REVEAL).exit == 1
    assert set(listed()) - before == {"x"}
    assert Path("x").read_bytes() == clinic.body


def test_a_file_gets_its_name_once_its_bytes_are_on_disk(clinic, aegis, monkeypatch):
    told = []

    def telling(name):
        real = getattr(os, name)

        def call(*arguments, **options):
            told.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    land = Landing._land

    def landed(self):
        told.append("landing")
        land(self)

    monkeypatch.setattr(Landing, "_land", landed)
    for name in ("fsync", "link", "replace"):
        telling(name)
    assert aegis("storage", "get", "lab/2", "-o", "x", *REVEAL).exit == 0
    at = told.index("landing")
    assert told[at + 1 : at + 4] == ["fsync", "link", "fsync"]  # bytes, name, folder


def test_killed_in_the_middle_no_file_and_no_rest_is_there(clinic, aegis, tmp_path):
    Path("large").write_bytes(os.urandom(MIB) * 64)
    assert aegis("storage", "put", "large", "large").exit == 0
    before = listed()
    program = (
        "import os, signal, sys, aegis_cli.landing as landing\n"
        "write = landing.Landing._write\n"
        "def until(self, piece):\n"
        "    write(self, piece)\n"
        "    if self.size > 16 << 20: os.kill(os.getpid(), signal.SIGKILL)\n"
        "landing.Landing._write = until\n"
        "from aegis_cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", program, "storage", "get", "large", "-o", "out", *REVEAL]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert listed() == before
    assert aegis("storage", "get", "large", "-o", "out", *REVEAL).exit == 0
    assert Path("out").read_bytes() == Path("large").read_bytes()


def test_interrupted_it_ends_as_the_shell_has_it_and_leaves_nothing(clinic, aegis):
    Path("large").write_bytes(bytes(256 * MIB))
    assert aegis("storage", "put", "large", "large").exit == 0
    before = set(listed())
    command = [sys.executable, "-c", "import sys; from aegis_cli.main import main; main()"]
    with subprocess.Popen([*command, "storage", "get", "large", "-o", "-", *REVEAL], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.read(1)
        reader.send_signal(signal.SIGINT)
        reader.stdout.read()
        assert reader.wait(60) == 130
    assert set(listed()) == before


def peak(arguments):
    """Peak memory of one call, in bytes."""
    program = (
        "import resource, sys; from aegis_cli.main import run; code = run(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return int(done.stderr.splitlines()[-1]) * 1024


def test_memory_does_not_grow_with_the_object(clinic, aegis):
    for name, size in (("small", 4), ("large", 256)):
        with Path(name).open("wb") as file:
            file.truncate(size * MIB)
    puts = [peak(["storage", "put", name, name]) for name in ("small", "large")]
    gets = [peak(["storage", "get", name, "-o", f"{name}-out", *REVEAL]) for name in ("small", "large")]
    assert puts[1] - puts[0] < 24 * MIB
    assert gets[1] - gets[0] < 24 * MIB
    assert Path("large-out").stat().st_size == 256 * MIB
