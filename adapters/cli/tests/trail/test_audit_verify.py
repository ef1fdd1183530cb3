"""``aegis audit verify``: on the configured trail, and on a folder that somebody sent."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_cli.audit.verdict import MEANING
from aegis_core.audit import FindingKind

LOG = Path(".aegis/audit/log")


@pytest.fixture
def sent(clinic, aegis, tmp_path):
    """A copy of the log, as somebody may send it, and the owner's keys on another way."""
    assert aegis("audit", "verify").exit == 0  # publishes
    shutil.copytree(LOG, tmp_path / "sent")
    keys = tmp_path / "clinic.keys"
    keys.write_bytes((LOG / "verifier-keys").read_bytes())
    (tmp_path / "sent" / "verifier-keys").unlink()
    return tmp_path / "sent"


def test_the_configured_trail_is_intact_and_says_who_signed(clinic, aegis):
    ended = aegis("audit", "verify")
    assert ended.exit == 0
    assert ended.err == ""
    assert ended.out.startswith(f" {clinic.entries} entries · root ")
    assert "signed by aegis.local/audit (Ed25519 " in ended.out
    assert ended.out.endswith("intact\n")
    found = aegis("audit", "verify", "--json").document
    assert (found["intact"], found["size"], found["keys"], found["findings"]) == (True, clinic.entries, "keyring", [])
    assert {key["type"] for key in found["signed_by"]} == {"Ed25519", "ML-DSA-44"}


def test_a_folder_needs_no_settings(sent, aegis, monkeypatch, tmp_path, clinic):
    monkeypatch.delenv("AEGIS_ENV")
    ended = aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys", "--strict")
    assert ended.exit == 0, ended.err
    assert f" {clinic.entries} entries" in ended.out
    key = Path("clinic.keys").read_text().splitlines()[0]
    assert aegis("audit", "verify", "--log", str(sent), "--key", key).exit == 0


def test_keys_that_lie_beside_the_log_are_said_to_prove_little(sent, aegis):
    (sent / "verifier-keys").write_bytes(Path("clinic.keys").read_bytes())
    ended = aegis("audit", "verify", "--log", str(sent))
    assert ended.exit == 0
    assert "the keys lie beside the log" in ended.out
    assert aegis("audit", "verify", "--log", str(sent), "--json").document["keys"] == "beside the log"


def test_without_any_key_nothing_is_vouched_for(sent, aegis):
    ended = aegis("audit", "verify", "--log", str(sent))
    assert ended.exit == 3
    assert MEANING[FindingKind.SIGNATURE] in ended.out
    assert ended.out.endswith("NOT INTACT\n")


def test_a_changed_entry_is_named_with_its_time_and_what_it_means(sent, aegis):
    bundle = bytearray((sent / "tile/entries/000").read_bytes())
    at = bundle.index(b'"report":"r77"')
    bundle[at + 12 : at + 13] = b"8"
    (sent / "tile/entries/000").write_bytes(bundle)
    ended = aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys")
    assert ended.exit == 3
    first, meaning, *_ = ended.out.splitlines()
    assert first.startswith(" entry 77 (20")
    assert "does not match its leaf" in first
    assert meaning.strip() == MEANING[FindingKind.ENTRY]
    assert ended.out.endswith("NOT INTACT\n")
    (finding,) = aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys", "--json").document["findings"]
    assert (finding["kind"], finding["index"]) == ("entry", 77)
    assert finding["meaning"] == MEANING[FindingKind.ENTRY]


def test_every_kind_of_finding_has_a_meaning():
    assert set(MEANING) == set(FindingKind)


def test_a_changed_primary_is_found_by_the_trail_itself(clinic, aegis):
    assert aegis("audit", "verify").exit == 0
    (segment,) = Path(".aegis/audit/journal").glob("*.segment")
    octets = bytearray(segment.read_bytes())
    at = octets.index(b'"report":"r77"')
    octets[at + 12 : at + 13] = b"8"
    segment.write_bytes(octets)
    ended = aegis("audit", "verify")
    assert ended.exit == 3
    assert "77" in ended.out + ended.err


def test_a_published_bundle_that_was_changed_is_found_beside_the_trail(clinic, aegis):
    assert aegis("audit", "verify").exit == 0
    path = LOG / "tile/entries/000"
    octets = bytearray(path.read_bytes())
    at = octets.index(b'"report":"r9"')
    octets[at + 11 : at + 12] = b"8"
    path.write_bytes(octets)
    ended = aegis("audit", "verify")
    assert ended.exit == 3
    assert "entry 9 is published with other contents" in ended.out.replace("entry 9: entry 9", "entry 9")


def test_a_checkpoint_that_was_kept_shows_what_was_taken_away(clinic, aegis, application):
    assert aegis("audit", "verify").exit == 0
    Path("kept").write_bytes((LOG / "checkpoint").read_bytes())
    assert aegis("audit", "verify", "--from-checkpoint", "kept").exit == 0

    async def nothing(aegis):
        return

    shutil.rmtree(".aegis/audit/journal")
    shutil.rmtree(LOG)
    application(nothing)  # the same keys, another history
    ended = aegis("audit", "verify", "--from-checkpoint", "kept")
    assert ended.exit == 3
    assert f"once had {clinic.entries}" in ended.out
    assert MEANING[FindingKind.HISTORY] in ended.out


def test_a_key_that_did_not_sign_distrusts_the_configured_trail(clinic, aegis):
    other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    ended = aegis("audit", "verify", "--key", other)
    assert ended.exit == 3
    assert "not signed by a known key" in ended.out


def test_witnesses_are_counted(sent, aegis):
    other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    ended = aegis(
        "audit", "verify", "--log", str(sent), "--key", "clinic.keys", "--witness", other, "--quorum", "1", "--json"
    )
    assert ended.exit == 3
    assert [finding["kind"] for finding in ended.document["findings"]] == ["signature"]
    assert aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys", "--quorum", "1").exit == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--log", "nowhere"], 1),
        (["--log", "nowhere", "--key", "no-file"], 2),
        (["--log", "nowhere", "--key", "a+b+c"], 2),
        (["--from-checkpoint", "no-file"], 2),
        (["--no-such-option"], 2),
        ([], 1),  # a folder without a trail
    ],
)
def test_what_cannot_be_verified_is_told_in_one_line(aegis, arguments, code, tmp_path):
    ended = aegis("audit", "verify", *arguments)
    assert ended.exit == code
    assert len(ended.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []  # a command that reads makes nothing


def test_a_folder_that_cannot_be_read_now_is_worth_another_try(sent, aegis, monkeypatch):
    def away(self, *_, **__):
        raise OSError(5, "a text with a name in it")

    monkeypatch.setattr(Path, "read_bytes", away)
    ended = aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys")
    assert ended.exit == 75
    assert "a name" not in ended.err


def test_the_module_says_the_same_as_the_command(sent, aegis):
    command = [sys.executable, "-m", "aegis_core.audit.verifier", str(sent), "--key", "clinic.keys", "--json"]
    module = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    ours = aegis("audit", "verify", "--log", str(sent), "--key", "clinic.keys", "--json").document
    assert {name: ours[name] for name in ("intact", "origin", "size", "root")} == {
        name: module[name] for name in ("intact", "origin", "size", "root")
    }
