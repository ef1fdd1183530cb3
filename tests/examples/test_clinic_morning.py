"""A morning from start to summary: what it promises, twice in a row, and what somebody who tampers gets."""

import email
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
from email import policy
from fcntl import ioctl
from itertools import accumulate
from pathlib import Path
from struct import pack

import anyio
import pytest

from aegis_core.app import Aegis
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.tiles import decode_bundle
from aegis_core.audit.verifier import verifier_main
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage import Storage
from examples.clinic import __main__ as clinic
from examples.clinic import waiting
from examples.clinic.home import Home
from examples.clinic.lab import Lab, LabClient
from examples.clinic.progress import Progress
from tests.architecture.tree import ROOT

SAID = [
    "44 documents of 10 patients",
    "44 filed, sealed (1 Attachment, 1 Binary, 10 DiagnosticReport, 2 DocumentReference, 30 Observation)",
    "44 read back and compared",
    "30 results sent to the lab, 0 that it had before",
    "10 letters (9 accepted, 1 unreachable); 0 uncertain in all",
    "mails decoded: 0 hits",
    "signed by clinic.example/audit: intact",
]


def mails(home):
    return sorted(path.name for path in (home / "mail").glob("*.eml"))


def test_a_morning_ends_with_a_summary_of_all_that_it_did(run, tmp_path):
    ended = run()
    assert ended.code == 0
    assert ended.err == ""
    assert [line for line in SAID if line not in ended.out] == []


def test_the_lab_fails_the_breaker_opens_work_waits_and_it_recovers(run):
    ended = run(outage="0.5")
    assert ended.code == 0
    assert [line for line in SAID if line not in ended.out] == []
    refused, opened, waited = map(
        int, re.findall(r"refused (\d+) calls.*opened (\d+) times.*waited (\d+) ", ended.out)[0]
    )
    assert refused >= 5
    assert opened >= 1
    assert waited > refused - 5, "while it is open nobody calls, and yet work waits"
    assert "the lab can't take results: waiting" in ended.out


def test_a_second_run_does_nothing_twice(run, tmp_path):
    run()
    before = mails(tmp_path / "home")
    ended = run()
    assert ended.code == 0
    assert "0 filed, sealed (none)" in ended.out
    assert "44 had been filed before" in ended.out
    assert "44 read back and compared" in ended.out
    assert "0 results sent to the lab, 30 that it had before" in ended.out
    assert mails(tmp_path / "home") == before
    assert len(before) == 9


def test_a_document_whose_answer_was_lost_is_filed_once_and_counts_as_filed(run, tmp_path, monkeypatch):
    upload, lost = Storage.upload, []

    async def losing(self, key, source, /, **options):
        info = await upload(self, key, source, **options)
        if len(lost) < 3 and key not in lost:
            lost.append(key)
            raise AegisError(ErrorCode.UNAVAILABLE, "the connection broke off", operation="storage.upload")
        return info

    monkeypatch.setattr(Storage, "upload", losing)
    ended = run()
    assert ended.code == 0
    assert len(lost) == 3
    assert [line for line in SAID if line not in ended.out] == []
    assert "0 had been filed before" in ended.out
    assert "3 times work waited for a service (3 store)" in ended.out
    monkeypatch.undo()
    assert "44 had been filed before" in run().out


def test_several_inputs_share_one_home(run, folder, tmp_path):
    assert run().code == 0
    ended = run(folder)
    assert ended.code == 0
    assert "1 filed" in ended.out
    assert len(mails(tmp_path / "home")) == 10
    assert run().code == 0


def test_letters_hold_neither_names_nor_results_and_speak_the_patients_language(run, tmp_path):
    run()
    letters = [
        email.message_from_bytes((tmp_path / "home" / "mail" / name).read_bytes(), policy=policy.default)
        for name in mails(tmp_path / "home")
    ]
    assert {letter["Subject"] for letter in letters} == {"News from your clinic", "ข่าวสารจากคลินิก"}
    assert len({letter["To"] for letter in letters}) == 9
    assert len({letter.get_content() for letter in letters}) == 2


def test_every_read_and_write_is_on_record_for_the_purpose_by_whom_and_about_whom(run, tmp_path):
    run()

    async def events():
        async with Aegis(Home.at(tmp_path / "home", {"AEGIS_ENV": "test"}).settings).open() as aegis:
            size = (await aegis.audit.verify()).size
            return size, [event async for event in aegis.audit.entries()]

    size, recorded = anyio.run(events)
    assert size == len(recorded)
    counts = {}
    for event in recorded:
        counts[event.action] = counts.get(event.action, 0) + 1
    assert counts["storage.written"] == counts["storage.read"] == 44
    assert counts["clinic.result_sent"] == 30
    assert counts["access.decided"] == 1
    touched = [event for event in recorded if event.action.startswith("storage.")]
    assert {(event.who, event.purpose) for event in touched} == {("dr-malee", "TREAT")}
    assert all(event.whom is not None for event in touched)
    assert all("key" in event.opened for event in touched)


def test_the_summary_counts_every_entry_and_the_command_it_names_says_the_same(run, tmp_path, capsys):
    ended = run()
    size = re.search(r"(\d+) entries, root", ended.out)[1]
    command = re.search(r"python\S* -m aegis_core\.audit\.verifier (.*)", ended.out)[1].split()
    assert verifier_main(command) == 0
    assert f" {size} entries" in capsys.readouterr().out


def test_places_of_the_default_home_are_short(capsys):
    assert clinic.arguments().parse_args([]).home == clinic.Path(".aegis/clinic")
    home = Home.at(clinic.Path(".aegis/clinic"), {})
    assert dict(home.places())["documents"] == ".aegis/clinic/storage"


def test_a_home_may_have_any_name(run, tmp_path):
    home = tmp_path / "a b#c?d%20ê"
    assert run(home=home).code == 0
    assert mails(home)
    assert [path.name for path in tmp_path.iterdir()] == [home.name]


def test_acknowledged_is_what_was_kept(run, tmp_path):
    acks = tmp_path / "acks"
    assert run("--acknowledged", acks).code == 0
    kinds = [json.loads(line)["kind"] for line in acks.read_text().splitlines()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"stored": 44, "recorded": 30, "mailed": 9}


# ---------------------------------------------------------------------------------------------------------- tamper


def test_tamper_names_the_entry_that_it_hit_and_leaves_the_log_alone(run, tmp_path):
    ended = run("--tamper")
    assert ended.code == 0
    offset, bundle = re.search(r"byte (\d+) of (\S+) was flipped", ended.out).groups()
    entry = int(re.search(r"entry (\d+) does not match its leaf", ended.out)[1])
    original = (
        tmp_path / "home" / "audit" / "log" / os.path.relpath(bundle, tmp_path / "home" / "tampered")
    ).read_bytes()
    assert original != Path(bundle).read_bytes()
    # The entry that holds this byte: each is two octets of length and its own.
    start = int(re.search(r"entries/(\d+)", bundle)[1]) * 256
    ends = list(accumulate((2 + len(body) for body in decode_bundle(original)), initial=0))[1:]
    assert entry == start + next(index for index, end in enumerate(ends) if end > int(offset))
    assert ended.out.count("NOT INTACT") == 1
    assert run("--tamper").code == 0


def test_a_trail_that_was_really_changed_exits_3(run, tmp_path):
    run()
    (journal,) = (tmp_path / "home" / "audit" / "journal").glob("*.segment")
    octets = bytearray(journal.read_bytes())
    octets[octets.index(b"storage.written")] ^= 1
    journal.write_bytes(octets)
    ended = run()
    assert ended.code == 3
    assert "NOT INTACT" in ended.out or "integrity" in ended.err


# -------------------------------------------------------------------------------------------------------- progress


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


class Out:
    encoding = "utf-8"

    def __init__(self, *, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_without_a_terminal_there_are_plain_lines_now_and_then():
    clock, out = Clock(), Out(terminal=False)
    with Progress("documents", 100, out, clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.05
            progress.step()
        progress.note("waiting")
        progress.note("waiting")
    lines = out.text.splitlines()
    assert lines[0] == "documents      1 of 100    1%"
    assert lines[-1] == "documents    100 of 100  100%  waiting"
    assert 3 <= len(lines) <= 5
    assert "\r" not in out.text


def test_a_bar_fits_the_terminal_and_is_overwritten(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    clock, out = Clock(), Out(terminal=True)
    with Progress("documents", 4, out, clock=clock) as progress:
        for _ in range(4):
            clock.now += 1
            progress.step()
        progress.note("a note that is much too long for forty columns")
    frames = out.text.rstrip("\n").split("\r")[1:]
    assert [len(frame) for frame in frames] == [39] * 5
    assert "█" in frames[-1]
    assert out.text.endswith("\n")
    assert out.text.count("\n") == 1


def test_where_it_breaks_off_the_next_line_starts_on_its_own():
    out = Out(terminal=True)
    with pytest.raises(OSError, match="full"), Progress("documents", 4, out, clock=Clock()) as progress:
        progress.step()
        raise OSError("full")
    assert out.text.endswith("\n")


def test_a_terminal_that_knows_no_blocks_gets_a_plain_bar():
    out = Out(terminal=True)
    out.encoding = "iso-8859-1"
    with Progress("documents", 1, out, clock=Clock()) as progress:
        progress.step()
    out.text.encode("iso-8859-1")
    assert "#" in out.text


def test_on_a_real_terminal_there_is_a_bar(tmp_path):
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, pack("HHHH", 24, 72, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "COLUMNS"))}
    with subprocess.Popen(
        [sys.executable, "-m", "examples.clinic", "--home", str(tmp_path / "home"), "--outage", "0.2"],
        cwd=ROOT, stdout=theirs, stderr=theirs, stdin=theirs, env=environment | {"PYTHONIOENCODING": "utf-8"},
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
    os.close(ours)
    text = said.decode()
    assert process.returncode == 0, text
    bars = [frame for frame in text.split("\r") if "█" in frame]
    assert len(bars) >= 3
    assert all(len(frame.rstrip("\r\n")) <= 72 for frame in bars)
    assert "0 hits" in text


# -------------------------------------------------------------------------------------------------------- the lab


def test_the_lab_takes_a_result_once_a_key_and_remembers_it(tmp_path):
    for expected in (True, False):
        with Lab(tmp_path / "lab", outage=0) as lab:
            assert LabClient(lab.port).send(b"{}", key="abc123") is expected
    assert [path.name for path in (tmp_path / "lab").iterdir()] == ["abc123"]
    assert (tmp_path / "lab" / "abc123").read_bytes() == b""


def test_errors_of_the_lab_hold_neither_address_nor_body(tmp_path):
    with Lab(tmp_path / "lab", outage=0) as lab:
        with pytest.raises(AegisError) as caught:
            LabClient(lab.port).send(b"Somchai", key="../x")
        assert (caught.value.code.value, caught.value.retryable) == ("invalid_argument", False)
        port = lab.port
    with pytest.raises(AegisError) as caught:
        LabClient(port).send(b"Somchai", key="x")
    assert (caught.value.code.value, caught.value.retryable) == ("unavailable", True)
    assert caught.value.__cause__ is None
    assert "Somchai" not in str(caught.value)
    assert str(port) not in str(caught.value)


def test_a_lab_that_never_comes_back_ends_the_morning_with_try_again(run, tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "LONGEST_WAIT", 0.2)
    monkeypatch.setattr(Lab, "_answer", lambda self, key: 503)
    ended = run()
    assert ended.code == 75
    assert ended.err.startswith("clinic: unavailable: ")
    monkeypatch.undo()
    assert run().code == 0


def test_help_says_what_it_does_and_what_its_exits_mean(run):
    ended = run("--help")
    assert ended.code == 0
    for words in ("FHIR R4", "--tamper", "--home", "75 try again", ".aegis/clinic"):
        assert words in ended.out.replace("\n", " ")


def test_keys_that_the_summary_names_are_those_of_the_log(run, tmp_path):
    run()
    (keys,) = [(tmp_path / "home" / "audit" / "log" / "verifier-keys").read_text().split()]
    assert {VerifierKey.decode(key).name for key in keys} == {"clinic.example/audit"}
