"""``aegis audit prove``: a proof that its reader checks with the log's keys and nothing else."""

import json
from pathlib import Path

import pytest

from aegis_core import AegisError
from aegis_core.audit import TlogProof, VerifierKey, decode_entry, leaf_hash


@pytest.fixture
def keys(clinic, aegis):
    assert aegis("audit", "verify").exit == 0
    return [VerifierKey.decode(line) for line in Path(".aegis/audit/log/verifier-keys").read_text().split()]


def test_a_proof_is_written_and_verifies_with_the_entrys_bytes(clinic, aegis, keys):
    ended = aegis("audit", "prove", "77", "--entry", "entry.json", "--json")
    assert ended.exit == 0, ended.err
    answer = ended.document
    assert answer["file"] == "entry-77.tlog-proof"
    proof = TlogProof.decode(Path("entry-77.tlog-proof").read_text())
    entry = Path("entry.json").read_bytes()
    verified = proof.verify(entry, keys=keys)
    assert verified.checkpoint.size == answer["size"]
    assert decode_entry(entry).data == {"report": "r77"}
    assert leaf_hash(entry).hex() == answer["leaf"]
    clinic.patient.assert_absent(Path("entry-77.tlog-proof"), entry, ended.out)
    with pytest.raises(AegisError):
        proof.verify(entry.replace(b"r77", b"r78"), keys=keys)
    assert Path("entry-77.tlog-proof").stat().st_mode & 0o777 == 0o600


def test_by_its_id_from_the_end_and_to_standard_output(clinic, aegis, keys):
    (entry,) = aegis("audit", "show", "77", "--json").records
    assert aegis("audit", "prove", entry["id"], "-o", "by-id").exit == 0
    assert aegis("audit", "prove", entry["id"].replace("-", ""), "-o", "by-hex").exit == 0
    assert TlogProof.decode(Path("by-id").read_text()).index == 77
    assert aegis("audit", "prove", "-1", "-o", "last").exit == 0
    assert TlogProof.decode(Path("last").read_text()).index == clinic.entries - 1
    ended = aegis("audit", "prove", "77", "-o", "-")
    assert TlogProof.decode(ended.out).index == 77


def test_a_file_that_is_there_stays(clinic, aegis):
    Path("p").write_text("mine")
    ended = aegis("audit", "prove", "1", "-o", "p")
    assert ended.exit == 1
    assert Path("p").read_text() == "mine"
    assert aegis("audit", "prove", "1", "-o", "p", "--replace").exit == 0
    assert Path("p").read_text().startswith("c2sp.org/tlog-proof@v1\n")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["999"], 1, "not_found"),
        (["00000000-0000-7000-8000-000000000000"], 1, "not_found"),
        (["nonsense"], 2, "invalid_argument"),
        (["1:3"], 2, "invalid_argument"),
        (["1", "-o", "no/such/folder/p"], 1, "not_found"),
        (["1", "--entry", "p", "-o", "/proc/p"], 1, None),
    ],
)
def test_what_cannot_be_proved_or_written_is_told(clinic, aegis, arguments, code, error):
    ended = aegis("audit", "prove", *arguments, "--json")
    assert ended.exit == code
    if error is not None:
        assert json.loads(ended.out)["error"]["code"] == error
