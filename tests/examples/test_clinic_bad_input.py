"""Whatever is wrong with input, settings, keys or disk: a line, a code, an exit; and the rest of the work is done."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
import pytest

from aegis_core.app import Aegis
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.problems import SettingsError
from examples.clinic import files, waiting
from examples.clinic.fhir import read_input
from examples.clinic.home import Home
from tests.architecture.tree import ROOT
from tests.examples.conftest import PATIENT, bundle, observation


def refused(path):
    """The codes of what one input's refusals say."""
    return [refusal.code for refusal in read_input(path).refusals]


# ------------------------------------------------------------------------------------------------------------ input


@pytest.mark.parametrize(
    "text",
    [
        '{"resourceType": "Patient"',
        "",
        "\xff\xfe",
        '{"resourceType": "Patient", "weight": NaN}',
        '{"resourceType": "Patient", "id": "a", "name": [{"family": "\\ud800"}]}',
        '{"resourceType": "Patient", "id": "a", "name": [{"family": "\\u0000"}]}',
        "[" * 100_000,
        '{"resourceType": "Patient", "multipleBirthInteger": ' + "9" * 5000 + "}",
    ],
    ids=["cut short", "empty", "no UTF-8", "NaN", "half a pair", "NUL", "too deep", "too long a number"],
)
def test_malformed_json_is_an_invalid_argument(run, tmp_path, text):
    file = tmp_path / "broken.json"
    file.write_bytes(text.encode("latin-1"))
    ended = run(file)
    assert ended.code == 1
    assert ended.err == f"refused    {file}: this is not valid JSON (invalid_argument)\n"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("value", [{"id": "p-1"}, {"resourceType": 7}, ["Patient"], "Patient", None])
def test_what_does_not_say_its_resource_type_is_an_invalid_argument(run, tmp_path, value):
    file = tmp_path / "thing.json"
    file.write_text(json.dumps(value))
    ended = run(file)
    assert ended.code == 1
    assert "resourceType" in ended.err
    assert "(invalid_argument)" in ended.err


def test_a_file_of_200_megabytes_is_refused_without_being_read(tmp_path, monkeypatch):
    file = tmp_path / "large.json"
    with file.open("wb") as out:
        out.truncate(200 * 1024 * 1024)
    monkeypatch.setattr(files.json, "loads", lambda *_, **__: pytest.fail("it was read"))
    assert refused(file) == ["resource_exhausted"]


@pytest.mark.parametrize("change", [b"", b'{"resourceType": "Patient", "id": "other"}' * 2], ids=["shorter", "longer"])
def test_a_file_that_changes_while_it_is_read_is_a_conflict(run, folder, monkeypatch, change):
    file = folder / "growing.json"
    file.write_text(json.dumps(PATIENT))
    real, seen = os.fstat, []

    def changing(descriptor):
        status = real(descriptor)
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(file):
            seen.append(status)
            if len(seen) == 1:
                file.write_bytes(change)
        return status

    monkeypatch.setattr(files.os, "fstat", changing)
    ended = run(folder)
    assert ended.code == 1
    assert f"{file}: the file changed while it was read" in ended.err
    assert "(conflict)" in ended.err
    assert "1 filed, sealed (1 Observation)" in ended.out


@pytest.mark.parametrize("identity", ["../../etc/passwd", "a/b", "", "x" * 65, 7, ["p-1"], "p 1", "p\n"])
def test_an_id_that_is_none_is_an_invalid_argument_and_leads_nowhere(run, folder, tmp_path, identity):
    file = folder / "odd.json"
    file.write_text(json.dumps(bundle(observation("fine"), observation(identity))))
    ended = run(folder)
    assert ended.code == 1
    assert ended.err.startswith(f"refused    {file}#1: the id is not a FHIR id")
    assert "2 filed, sealed" in ended.out
    assert not any("passwd" in path.name for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("reference", ["Patient/", "Patient", "urn:uuid:../x", "Group/p-1", "#p-1", "HN-1", 7, None])
def test_a_subject_that_is_no_patient_is_counted_and_not_filed(folder, reference):
    (folder / "odd.json").write_text(json.dumps({**observation("odd"), "subject": {"reference": reference}}))
    intake = read_input(folder)
    assert (intake.without_subject, intake.refusals) == (1, [])
    assert [document.document_id for document in intake.documents] == ["Observation/o-1"]


def test_one_broken_file_among_good_ones_is_refused_and_the_rest_is_done(run, folder):
    (folder / "broken.json").write_text("{")
    ended = run(folder)
    assert ended.code == 1
    assert "     1 refused (1 invalid_argument)" in ended.out
    assert "1 filed, sealed (1 Observation)" in ended.out
    assert "1 letters (1 accepted)" in ended.out
    assert "intact" in ended.out


def test_a_bundle_entry_that_is_no_resource_is_refused_by_its_number(run, folder):
    (folder / "odd.json").write_text(
        json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"id": "x"}}, {"request": {}}, {"resource": 1}]})
    )
    ended = run(folder)
    assert [line.split(": ")[0].rpartition("#")[2] for line in ended.err.splitlines()] == ["0", "2"]
    assert ended.code == 1


def test_a_file_inside_a_resource_that_is_not_base64_is_refused(run, folder):
    report = {**observation("r"), "resourceType": "DiagnosticReport", "presentedForm": [{"data": "%%%"}]}
    (folder / "report.json").write_text(json.dumps(report))
    ended = run(folder)
    assert ended.code == 1
    assert "not base64 (invalid_argument)" in ended.err


def test_an_empty_folder_and_a_missing_path_are_not_found(run, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("empty", "missing"):
        ended = run(tmp_path / path)
        assert ended.code == 1
        assert ended.err.startswith("clinic: not_found: ")
    assert not (tmp_path / "home").exists()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    assert refused(tmp_path) == ["invalid_argument"]


def test_a_file_that_is_gone_when_its_turn_comes_is_not_found(folder):
    (folder / "gone.json").symlink_to(folder / "nowhere")
    assert refused(folder) == ["not_found"]


# --------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AEGIS_STORAGE", "s4://key:wholly-secret@records", "AEGIS_STORAGE: no adapter for"),
        ("AEGIS_STORAG", "file:x", "did you mean AEGIS_STORAGE?"),
        ("AEGIS_ENV", "prodution", "AEGIS_ENV: must be one of"),
        ("AEGIS_ENV", "production", "AEGIS_KEYS: must not be a folder of bare keys in production"),
    ],
)
def test_wrong_settings_exit_2_before_anything_is_written(run, tmp_path, monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    ended = run()
    assert ended.code == 2
    assert said in ended.err
    assert "wholly-secret" not in ended.err
    assert not (tmp_path / "home").exists()


def test_all_wrong_settings_are_told_at_once(run, monkeypatch):
    monkeypatch.setenv("AEGIS_STORAGE", "s4://records")
    monkeypatch.setenv("AEGIS_LOG_LEVEL", "loud")
    assert len(run().err.splitlines()) == 2


def test_without_an_environment_the_clinic_names_one_and_aegis_refuses(run):
    assert run().code == 0

    async def start():
        async with Aegis().open():
            pytest.fail("it opened")

    with pytest.raises(SettingsError) as caught:
        anyio.run(start)
    assert [problem.setting for problem in caught.value.problems] == ["AEGIS_ENV"]


@pytest.mark.parametrize("arguments", [["--outage", "3"], ["--purpose", "FUN"], ["--nonsense"]])
def test_wrong_usage_exits_2(tmp_path, capsys, arguments):
    from examples.clinic import __main__ as clinic

    with pytest.raises(SystemExit) as left:
        clinic.main([*arguments, "--home", str(tmp_path / "home")])
    assert left.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_tamper_needs_the_log_in_the_home(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AEGIS_AUDIT", f"sqlite:{tmp_path / 'trail.db'}")
    assert run("--tamper").code == 2


def test_what_lies_elsewhere_is_not_said_to_be_searched(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AEGIS_STORAGE", f"file:{tmp_path / 'elsewhere'}")
    ended = run()
    assert ended.code == 0
    assert "documents as AEGIS_STORAGE says: not searched" in ended.out
    assert (tmp_path / "elsewhere").is_dir()


# ------------------------------------------------------------------------------------------------------------- keys


def test_a_missing_key_is_told_and_no_new_one_is_made(run, tmp_path):
    assert run().code == 0
    key = tmp_path / "home" / "keys" / "f1.key"
    key.unlink()
    ended = run()
    assert ended.code == 1
    assert ended.err.startswith("clinic: not_found: the vault has no such key")
    assert not key.exists()


@pytest.mark.parametrize("place", ["keys", "keys/f1.key"])
def test_a_vault_that_answers_with_another_key_is_an_integrity_error(run, tmp_path, place):
    home, other = tmp_path / "home", tmp_path / "other"
    assert run().code == run(home=other).code == 0
    if (home / place).is_dir():
        shutil.rmtree(home / place)
        shutil.copytree(other / place, home / place)
    else:
        shutil.copy(other / place, home / place)
    ended = run()
    assert ended.code == 3
    assert ended.err.startswith("clinic: integrity: the wrapped key does not open")


def test_a_document_that_was_changed_on_disk_is_an_integrity_error(run, tmp_path):
    assert run().code == 0
    document = max((tmp_path / "home" / "storage").rglob("*@"), key=lambda path: path.stat().st_size)
    octets = bytearray(document.read_bytes())
    octets[len(octets) // 2] ^= 1
    document.write_bytes(octets)
    ended = run()
    assert ended.code == 3
    assert ended.err.startswith("clinic: integrity: ")
    assert run().code == 3


# ------------------------------------------------------------------------------------------- permissions, full disk


#: Runs once as root, so that everything is imported, and then as uid 65534, who may not read the program itself.
AS_NOBODY = """
import contextlib, io, os, sys
from examples.clinic import __main__ as clinic
with contextlib.redirect_stdout(io.StringIO()):
    assert clinic.main(["--home", sys.argv[1], "--outage", "0"]) == 0
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(clinic.main([*sys.argv[2:], "--outage", "0"]))
"""


def as_nobody(warm, arguments):
    return subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(warm), *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become uid 65534")


@pytest.fixture
def open_to_all():
    """A folder that other users get into: those of pytest are its user's alone."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@needs_root
@pytest.mark.parametrize("place", ["home", "file", "folder", "folder below"])
def test_without_permission_it_says_so(folder, open_to_all, place):
    home, theirs = open_to_all / "home", open_to_all / "input"
    home.mkdir()
    os.chown(home, 65534, 65534)
    below = theirs / "below"
    below.mkdir(parents=True)
    shutil.copy(folder / "good.json", theirs)
    match place:
        case "home":
            home.chmod(0o500)
        case "file":
            (theirs / "good.json").chmod(0)
        case "folder":
            theirs.chmod(0)
        case _:
            below.chmod(0)
    ended = as_nobody(open_to_all / "warm", [theirs, "--home", home / "clinic"])
    assert ended.returncode == 1, ended.stderr
    assert "permission_denied" in ended.stderr
    assert "Traceback" not in ended.stderr
    if place == "folder below":  # and the rest is done
        assert "1 filed" in ended.stdout


def can_mount():
    probe = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


def goes_on(home, run):
    """After the disk has room again, the same command finishes the work."""
    ended = run(home=home)
    assert ended.code == 0, ended.err
    assert "44 read back and compared" in ended.out
    assert "10 letters (9 accepted, 1 unreachable); 0 uncertain" in ended.out


@pytest.mark.skipif(not can_mount(), reason="unshare -Urm cannot mount a small disk here: ENOSPC is injected below")
@pytest.mark.parametrize("kibibytes", [200, 300, 400, 500])
def test_a_full_disk_is_resource_exhausted_and_what_was_kept_is_good(run, tmp_path, kibibytes):
    home, saved = tmp_path / "disk", tmp_path / "saved"
    home.mkdir()
    script = (
        f'mount -t tmpfs -o size={kibibytes}k none "{home}" || exit 99; '
        f'"{sys.executable}" -m examples.clinic --outage 0 --home "{home}/clinic"; code=$?; '
        f'cp -r "{home}/clinic" "{saved}"; exit $code'
    )
    ended = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.startswith("clinic: resource_exhausted: ")
    assert "Traceback" not in ended.stderr
    goes_on(saved, run)


@pytest.mark.parametrize("function", ["fsync", "fdatasync", "link", "replace"])
def test_a_disk_that_fills_up_at_any_call_is_resource_exhausted(run, tmp_path, monkeypatch, function):
    real, calls = getattr(os, function), []

    def full(*arguments, **options):
        calls.append(arguments)
        if len(calls) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        patch.setattr(waiting, "LONGEST_WAIT", 0.5)
        ended = run()
    assert len(calls) > 12
    assert ended.code == 1
    assert ended.err.startswith("clinic: resource_exhausted: ")
    goes_on(tmp_path / "home", run)


# ------------------------------------------------------------------------------------------------------------ staff


async def decisions(home):
    settings = Home.at(home, {"AEGIS_ENV": "test"}).settings
    async with Aegis(settings).open() as aegis:
        return [event async for event in aegis.audit.entries() if event.action == "access.decided"]


@pytest.mark.parametrize(
    ("arguments", "who"),
    [
        (["--staff", "clerk-ton"], "clerk-ton"),
        (["--purpose", "HPAYMT"], "dr-malee"),
        (["--staff", "Somchai"], "unknown"),
    ],
)
def test_without_the_right_purpose_nothing_is_done_and_the_refusal_is_on_record(run, tmp_path, arguments, who):
    ended = run(*arguments)
    assert ended.code == 1
    assert ended.err.startswith(f"clinic: {ErrorCode.PERMISSION_DENIED.value}: ")
    assert "Somchai" not in ended.err
    (decision,) = anyio.run(decisions, tmp_path / "home")
    assert (decision.outcome, decision.data["staff"]) == ("refused", who)
    assert not list((tmp_path / "home" / "storage").rglob("*@"))
    assert not list((tmp_path / "home" / "mail").glob("*.eml"))


def test_an_emergency_is_a_purpose_and_is_what_the_trail_says(run, tmp_path):
    assert run("--purpose", "ETREAT").code == 0

    async def purposes():
        settings = Home.at(tmp_path / "home", {"AEGIS_ENV": "test"}).settings
        async with Aegis(settings).open() as aegis:
            return {event.purpose async for event in aegis.audit.entries() if event.action.startswith("storage.")}

    assert anyio.run(purposes) == {"ETREAT"}
