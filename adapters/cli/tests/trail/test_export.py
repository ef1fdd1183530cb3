"""``aegis export``: everything, in formats that others read; whole or continued; and it names nobody unasked."""

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from aegis_cli.export.layout import Manifest, object_file, read_sum, sum_line
from aegis_core.audit import VerifierKey, leaf_hash, verify_folder

from .conftest import REVEAL


def objects(folder="out"):
    return [json.loads(line) for line in Path(folder, "objects.jsonl").read_text().splitlines()]


def files(folder="out"):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def exported(clinic, aegis):
    ended = aegis("export", "out")
    assert ended.exit == 0, ended.err
    return clinic


def test_it_is_whole_and_sealed_and_verifies_without_settings(exported, aegis, monkeypatch):
    monkeypatch.delenv("AEGIS_ENV")
    found = aegis("export", "out", "--check", "--json")
    assert found.exit == 0
    assert found.document["intact"] is True
    assert found.document["wrong"] == []
    assert found.document["objects"] == 4
    assert found.document["opened"] is False
    assert aegis("export", "out", "--check").out.endswith("intact\n")


def test_nobody_is_named_in_it_and_in_what_is_said(exported, aegis):
    exported.patient.assert_absent(Path("out"))
    for arguments in (["--check"], ["--check", "--json"], []):
        ended = aegis("export", "out", *arguments)
        exported.patient.assert_absent(ended.out, ended.err)


def test_the_log_is_one_that_anybody_verifies_and_tells_of_the_export(exported):
    keys = [VerifierKey.decode(line) for line in Path("out/log/verifier-keys").read_text().split()]
    verdict = verify_folder(Path("out/log"), keys, strict=True)
    assert verdict.intact
    entries = Path("out/entries.jsonl").read_bytes().splitlines()
    assert len(entries) == verdict.size
    leaves = b"".join(leaf_hash(entry) for entry in entries)
    assert leaves[: 256 * 32] == Path("out/log/tile/0/000").read_bytes()
    actions = [json.loads(entry)["action"] for entry in entries]
    assert actions[304:] == ["export.began"] + ["storage.copied"] * 4


def test_every_file_has_its_sum_as_sha256sum_reads_it(exported):
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd="out", capture_output=True, check=False)
    assert done.returncode == 0
    listed = {read_sum(line)[1] for line in Path("out/SHA256SUMS").read_text().splitlines()}
    assert listed == set(files()) - {"SHA256SUMS", "export.json"}
    manifest = Manifest.decode(Path("out/export.json").read_bytes())
    assert manifest.sums == sha256(Path("out/SHA256SUMS").read_bytes()).hexdigest()
    assert manifest.octets == sum(len(body) for name, body in files().items() if name in listed)


def test_revealed_it_holds_what_was_sealed_and_the_trail_has_it_first(clinic, aegis, recorded):
    assert aegis("export", "out", *REVEAL).exit == 0
    assert recorded("cli.revealed", "export.began", "storage.read") == [
        ("cli.revealed", "success", "dpo", "PATRQT"),
        ("export.began", "success", "dpo", "PATRQT"),
        *[("storage.read", "success", "dpo", "PATRQT")] * 4,
    ]
    assert {(line["tenant"], line["key"]) for line in objects()} == {
        *(("", key) for key in clinic.keys),
        *(("clinic-b", key) for key in clinic.tenant_keys),
    }
    assert all(Path("out", line["file"]).read_bytes() == clinic.body for line in objects())
    opened = [json.loads(line) for line in Path("out/entries-opened.jsonl").read_text().splitlines()]
    assert opened[77]["sealed"]["patient"]["value"] == clinic.name
    assert aegis("export", "out", "--check").exit == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in Path("out").rglob("*"))


def test_the_export_that_was_made_can_be_told_later(exported, application):
    found = []

    async def look(aegis):
        found.extend([event async for event in aegis.audit.stored() if event.action == "export.finished"])

    application(look)
    assert found[0].data["sums"] == sha256(Path("out/SHA256SUMS").read_bytes()).hexdigest()


def test_keys_come_along_wrapped_and_people_s_own_keys_do_not(exported, application):
    ring = json.loads(Path("out/keyring/_.json").read_text())
    assert {key["purpose"] for key in ring["keys"]} >= {"wrap", "sign-ed25519", "index"}
    assert all(key["wrapped"] for key in ring["keys"])
    assert json.loads(Path("out/keyring/clinic-b.json").read_text())["tenant"] == "clinic-b"
    octets = b"".join(files().values())
    secrets, subjects = [], []

    async def look(aegis):
        secrets.extend([(await aegis.keys.key(key["id"])).secret for key in ring["keys"]])
        subjects.extend([event.subject.key async for event in aegis.audit.stored(0, 1)])
        secrets.append((await aegis.keys.key(subjects[0])).secret)

    application(look)
    for secret in secrets:
        assert secret not in octets
        assert secret.hex().encode() not in octets
    assert not [name for name in files() if "subject" in name]


def test_a_further_store_comes_along(clinic, aegis, application, monkeypatch):
    monkeypatch.setenv("AEGIS_STORAGE__IMAGES", "file:.aegis/images")
    application()
    Path("scan").write_bytes(b"x")
    assert aegis("storage", "put", "scan", "i", "--store", "images").exit == 0
    assert aegis("export", "out").exit == 0
    (line,) = [line for line in objects() if line["store"] == "images"]
    assert line["file"] in {object_file("images", number) for number in range(1, 6)}


def test_deliveries_come_along_as_they_are(clinic, aegis, application):
    # As the hub's journal writes them; `docs/reference/export.md` has the shape.
    body = {"v": 1, "template": "result-ready", "status": "accepted"}

    async def deliver(aegis):
        await aegis.keys.state.put("deliveries/done/ab12", json.dumps(body).encode(), expected=None)

    application(deliver)
    assert aegis("export", "out").exit == 0
    lines = [json.loads(line) for line in Path("out/deliveries.jsonl").read_text().splitlines()]
    assert {"name": "deliveries/done/ab12", "document": body} in lines


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda: Path("out/entries.jsonl").write_bytes(Path("out/entries.jsonl").read_bytes()[:-1]), "entries.jsonl"),
        (lambda: Path("out/objects/default/00000/00000002").unlink(), "objects/default/00000/00000002"),
        (lambda: flip(Path("out/objects/default/00000/00000001")), "objects/default/00000/00000001"),
        (lambda: flip(Path("out/log/tile/entries/000")), "log/tile/entries/000"),
        (lambda: flip(Path("out/log/checkpoint"), 30), "log/checkpoint"),
        (lambda: flip(Path("out/SHA256SUMS")), "SHA256SUMS"),
        (lambda: Path("out/added").write_text("x"), "added"),
        (lambda: Path("out/SHA256SUMS").unlink(), "SHA256SUMS"),
    ],
)
def test_whatever_is_changed_is_found_and_named(exported, aegis, damage, named):
    damage()
    ended = aegis("export", "out", "--check", "--json")
    assert ended.exit == 3
    assert named in {wrong["file"] for wrong in ended.document["wrong"]}
    assert ended.document["intact"] is False
    assert "NOT INTACT" in aegis("export", "out", "--check").out


def test_an_export_without_its_log_is_not_whole(exported, aegis):
    shutil.rmtree("out/log")
    assert aegis("export", "out", "--check").exit != 0


def flip(path, at=100):
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)


def test_another_log_that_is_intact_in_itself_is_not_the_one_that_was_exported(exported, aegis):
    assert aegis("export", "later").exit == 0
    shutil.rmtree("out/log")
    shutil.copytree("later/log", "out/log")
    sums = [
        sum_line(sha256(body).hexdigest(), name)
        for name, body in sorted(files().items())
        if name not in {"SHA256SUMS", "export.json"}
    ]
    Path("out/SHA256SUMS").write_text("".join(sums))
    manifest = json.loads(Path("out/export.json").read_text())
    manifest["sums"] = sha256(Path("out/SHA256SUMS").read_bytes()).hexdigest()
    Path("out/export.json").write_text(json.dumps(manifest))
    ended = aegis("export", "out", "--check", "--json")
    assert ended.exit == 3
    assert {wrong["file"] for wrong in ended.document["wrong"]} == {"log/checkpoint"}


def test_a_whole_export_and_a_folder_of_others_are_left_alone(exported, aegis):
    before = files()
    assert aegis("export", "out").exit == 1
    assert files() == before
    Path("mine").mkdir()
    Path("mine/letter").write_text("x")
    assert aegis("export", "mine").exit == 1
    assert set(files("mine")) == {"letter"}
    Path("file").write_text("x")
    assert aegis("export", "file").exit == 1
    assert aegis("export", "out", "--key", "x").exit == 2
    assert aegis("export", "out", "--check", "--key", "no-file").exit == 2


def test_what_is_no_whole_export_is_not_taken_for_one(clinic, aegis):
    Path("empty").mkdir()
    assert aegis("export", "empty", "--check").exit == 1
    assert aegis("export", "nowhere", "--check").exit == 1
    Path("empty/export.json").write_text("{}")
    assert aegis("export", "empty", "--check").exit == 3
    Path("empty/export.json").write_text('{"format": "aegis-export/2"}')
    ended = aegis("export", "empty", "--check")
    assert ended.exit == 1
    assert "newer release" in ended.err


def test_a_damaged_object_does_not_keep_the_rest(clinic, aegis, tmp_path):
    (stored,) = tmp_path.glob(".aegis/storage/_/lab/2@")
    flip(stored, 40)  # in its envelope
    ended = aegis("export", "out", "--json")
    assert ended.exit == 3
    assert (ended.document["objects"], ended.document["damaged"]) == (3, 1)
    (line,) = [line for line in objects() if "damaged" in line]
    assert (line["store"], line["tenant"]) == ("default", "")
    assert "file" not in line
    assert aegis("export", "out", "--check").exit == 0  # the export is what it was when it was made


def test_a_changed_byte_of_a_sealed_stream_shows_when_it_is_opened(clinic, aegis, tmp_path):
    (stored,) = tmp_path.glob(".aegis/storage/_/lab/2@")
    flip(stored, -1)
    assert aegis("export", "sealed").exit == 0
    ended = aegis("export", "opened", "--json", *REVEAL)
    assert ended.exit == 3
    assert ended.document["damaged"] == 1
    assert all(Path("opened", line["file"]).read_bytes() == clinic.body for line in objects("opened") if "file" in line)


def test_a_name_in_the_list_of_sums_never_leads_outside():
    digest = "0" * 64
    for name in ("../x", "/etc/passwd", "a/../../b", "a//b", "a/./b", "", "a b", "a\\b"):
        assert read_sum(f"{digest}  {name}") is None
    assert read_sum(f"{digest}  log/tile/0/x001/000.p/3") == (digest, "log/tile/0/x001/000.p/3")
    assert read_sum(f"{digest[1:]}  a") is None
