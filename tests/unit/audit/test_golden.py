"""Bytes that a release has written stay readable for ever, and what is deterministic is still written alike.

``python -m tests.unit.audit.test_golden`` writes the files; they are never written again once released.
"""

import sys
from pathlib import Path

import pytest

from aegis_core.audit.checkpoint import CheckpointSigner, decode_checkpoint, open_checkpoint
from aegis_core.audit.entry import decode_entry, encode_entry
from aegis_core.audit.note import Note, VerifierKey
from aegis_core.audit.proof import TlogProof
from aegis_core.audit.tree import fold, inclusion_proof, leaf_hash
from aegis_core.audit.verifier import verify_folder
from tests.unit.audit.tiled import ORIGIN, SIGNER, bodies_of, event, note_of, root_of, write_log

GOLDEN = Path(__file__).parents[2] / "golden" / "audit"
SIZE = 260  # a full bundle, a partial one, and two levels of tiles


def golden_keys() -> list[VerifierKey]:
    return [VerifierKey.decode(line) for line in (GOLDEN / "log.vkeys").read_text().splitlines()]


def test_the_log_of_version_1_is_intact() -> None:
    verdict = verify_folder(GOLDEN / "log", golden_keys(), strict=True)
    assert verdict.findings == ()
    assert verdict.size == SIZE


def test_its_files_are_still_written_alike(tmp_path: Path) -> None:
    write_log(tmp_path, bodies_of(SIZE))
    written, kept = (
        {path.relative_to(top): path for path in top.rglob("*") if path.is_file()} for top in (tmp_path, GOLDEN / "log")
    )
    assert written.keys() == kept.keys()
    for name, path in written.items():
        if name.name != "checkpoint":
            assert path.read_bytes() == kept[name].read_bytes(), name


def test_keys_from_the_same_secrets_are_spelled_alike() -> None:
    assert [key.encode() for key in SIGNER.verifier_keys] == (GOLDEN / "log.vkeys").read_text().splitlines()


def test_the_checkpoint_is_signed_alike_where_signing_is_deterministic() -> None:
    """Ed25519 signs one text in one way; ML-DSA-44 as OpenSSL has it is hedged, so that only reading can be kept."""
    kept = Note.decode((GOLDEN / "log" / "checkpoint").read_text())
    fresh = Note.decode(note_of(bodies_of(SIZE)))
    assert fresh.text == kept.text
    assert fresh.signatures[0] == kept.signatures[0]
    assert fresh.signatures[1] != kept.signatures[1]
    for key in golden_keys():
        assert open_checkpoint(kept.encode(), [key]).checkpoint.root == root_of(bodies_of(SIZE))


def test_the_note_of_an_ed25519_signer_is_the_same_to_the_byte() -> None:
    signer = CheckpointSigner(ORIGIN, ed25519=bytes(range(32)))
    assert signer.sign(SIZE, root_of(bodies_of(SIZE)), timestamp=0).note == (GOLDEN / "ed25519.checkpoint").read_text()


def test_the_proof_still_proves_and_is_spelled_alike() -> None:
    text = (GOLDEN / "entry-257.tlog-proof").read_text()
    proof = TlogProof.decode(text)
    assert proof.encode() == text
    assert proof.verify(bodies_of(SIZE)[257], keys=golden_keys()).checkpoint.size == SIZE
    assert proof.hashes == _proof().hashes


def test_the_entry_still_reads() -> None:
    body = (GOLDEN / "entry-257.json").read_bytes()
    assert decode_entry(body) == event(257)
    assert encode_entry(event(257)) == body


@pytest.mark.parametrize("key", [0, 1])
def test_each_key_alone_verifies_the_log(key: int) -> None:
    assert verify_folder(GOLDEN / "log", [golden_keys()[key]]).intact


def _proof() -> TlogProof:
    leaves = [leaf_hash(body) for body in bodies_of(SIZE)]
    hashes = inclusion_proof(257, SIZE, lambda level, at: fold(b"".join(leaves[at << level : (at + 1) << level])))
    return TlogProof(257, hashes, decode_checkpoint((GOLDEN / "log" / "checkpoint").read_text()), b"golden")


def _write() -> None:
    write_log(GOLDEN / "log", bodies_of(SIZE))
    (GOLDEN / "log.vkeys").write_text("".join(f"{key.encode()}\n" for key in SIGNER.verifier_keys))
    signer = CheckpointSigner(ORIGIN, ed25519=bytes(range(32)))
    (GOLDEN / "ed25519.checkpoint").write_text(signer.sign(SIZE, root_of(bodies_of(SIZE)), timestamp=0).note)
    (GOLDEN / "entry-257.tlog-proof").write_text(_proof().encode())
    (GOLDEN / "entry-257.json").write_bytes(encode_entry(event(257)))


if __name__ == "__main__":
    if (GOLDEN / "log").exists():
        sys.exit("golden files are never written again: a new version gets files of its own")
    _write()
