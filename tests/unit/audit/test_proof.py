"""Proofs: they travel as text, and none of the four checks can be left out."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.checkpoint import decode_checkpoint
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.proof import TlogProof
from aegis_core.audit.tree import fold, inclusion_proof, leaf_hash
from aegis_core.kernel.errors import AegisError, ErrorCode
from tests.unit.audit.tiled import OTHER_LOG, SIGNER, STRANGER, bodies_of, note_of

BODIES = bodies_of(70)
LEAVES = [leaf_hash(body) for body in BODIES]


def subtrees(level: int, position: int) -> bytes:
    return fold(b"".join(LEAVES[position << level : (position + 1) << level]))


def proof_of(index: int, *, note: str | None = None, extra: bytes | None = None) -> TlogProof:
    checkpoint = decode_checkpoint(note_of(BODIES) if note is None else note)
    return TlogProof(index, inclusion_proof(index, len(BODIES), subtrees), checkpoint, extra)


@given(st.integers(0, 69), st.none() | st.binary(max_size=40))
def test_a_proof_survives_its_file_and_verifies(index: int, extra: bytes | None) -> None:
    proof = TlogProof.decode(proof_of(index, extra=extra).encode())
    assert (proof.index, proof.extra) == (index, extra)
    assert proof.verify(BODIES[index], keys=SIGNER.verifier_keys).checkpoint.size == 70


@pytest.mark.parametrize("keys", [(), STRANGER.verifier_keys, OTHER_LOG.verifier_keys])
def test_the_logs_signature_cannot_be_left_out(keys: tuple[VerifierKey, ...]) -> None:
    refused(proof_of(3), BODIES[3], keys=keys)


def test_the_origin_cannot_be_left_out() -> None:
    refused(proof_of(3, note=note_of(BODIES, OTHER_LOG)), BODIES[3])


def test_the_entry_cannot_be_left_out() -> None:
    refused(proof_of(3), BODIES[4])
    refused(proof_of(3), BODIES[3][:-1])
    refused(proof_of(3), b"")


def test_the_witnesses_cannot_be_left_out() -> None:
    with pytest.raises(AegisError, match="witnesses"):
        proof_of(3).verify(BODIES[3], keys=SIGNER.verifier_keys, quorum=1)


def test_the_inclusion_cannot_be_left_out() -> None:
    proof = proof_of(3)
    refused(attrs.evolve(proof, index=2), BODIES[3])
    refused(attrs.evolve(proof, index=70), BODIES[3])
    refused(attrs.evolve(proof, index=-1), BODIES[3])
    refused(attrs.evolve(proof, hashes=()), BODIES[3])
    refused(attrs.evolve(proof, hashes=proof.hashes[:-1]), BODIES[3])
    refused(attrs.evolve(proof, hashes=(*proof.hashes, proof.hashes[0])), BODIES[3])


def test_what_a_checkpoint_claims_beside_its_note_does_not_count() -> None:
    forged = [BODIES[0], b"forged"]
    claimed = SignedCheckpoint(SIGNER.origin, 1, leaf_hash(forged[1]), note_of(BODIES))
    refused(TlogProof(0, (), claimed), forged[1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "index -3"),
        ("index 3\n", ""),
        ("index 3", "index 3 "),
        ("index 3\n", "index 3\nextra AAAA\n"),
        ("index 3\n", "index 3\nAAAA\n"),
        ("index 3\n", "index 3\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 63),
        ("\n\n", "\n"),
    ],
)
def test_files_that_are_no_proof_are_refused(old: str, new: str) -> None:
    text = proof_of(3).encode()
    assert old in text
    with pytest.raises(AegisError) as caught:
        TlogProof.decode(text.replace(old, new, 1))
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def refused(proof: TlogProof, entry: bytes, *, keys: tuple[VerifierKey, ...] = SIGNER.verifier_keys) -> None:
    with pytest.raises(AegisError) as caught:
        proof.verify(entry, keys=keys)
    assert caught.value.code is ErrorCode.INTEGRITY
