"""Checkpoints: signed with two keys, and none of a list of forgeries opens."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aegis_core.audit.checkpoint import CheckpointSigner, decode_checkpoint, encode_checkpoint, open_checkpoint
from aegis_core.audit.cosignature import ed25519_message, ml_dsa_44_message, pack_cosignature, unpack_cosignature
from aegis_core.audit.note import KeyType, Note, NoteSignature, VerifierKey
from aegis_core.kernel.errors import AegisError, ErrorCode
from tests.unit.audit.tiled import ORIGIN, OTHER_LOG, SIGNER, STRANGER

ROOT = bytes(range(32))
NOTE = SIGNER.sign(1234, ROOT, timestamp=1_795_508_043).note
ED25519, ML_DSA_44 = SIGNER.verifier_keys


def change_text(old: str, new: str) -> Callable[[], str]:
    return lambda: NOTE.replace(old, new, 1)


def change_signature(which: int, at: int) -> Callable[[], str]:
    def changed() -> str:
        note = Note.decode(NOTE)
        each = note.signatures[which]
        octets = bytearray(each.signature)
        octets[at] ^= 1
        signed = list(note.signatures)
        signed[which] = NoteSignature(each.name, each.key_id, bytes(octets))
        return Note(note.text, tuple(signed)).encode()

    return changed


def cut_signature(which: int) -> Callable[[], str]:
    def changed() -> str:
        note = Note.decode(NOTE)
        signed = list(note.signatures)
        signed[which] = NoteSignature(signed[which].name, signed[which].key_id, signed[which].signature[:8])
        return Note(note.text, tuple(signed)).encode()

    return changed


FORGERIES: dict[str, Callable[[], str]] = {
    "a larger size": change_text("\n1234\n", "\n1235\n"),
    "a smaller size": change_text("\n1234\n", "\n123\n"),
    "another root": change_text("AAECAw", "AAECBA"),
    "another origin": change_text(ORIGIN, "clinic-c.example/audit"),
    "an extension line": change_text("\n\n", "\nextension\n\n"),
    "a changed Ed25519 signature": change_signature(0, 5),
    "a changed ML-DSA-44 signature": change_signature(1, 99),
    "a changed time of the ML-DSA-44 signature": change_signature(1, 7),
    "a cut Ed25519 signature": cut_signature(0),
    "a cut ML-DSA-44 signature": cut_signature(1),
    "signatures of a stranger's keys": lambda: STRANGER.sign(1234, ROOT, timestamp=1).note,
    "the same keys under another log's name": lambda: OTHER_LOG.sign(1234, ROOT, timestamp=1).note,
    "signatures from another checkpoint": lambda: Note(
        Note.decode(NOTE).text, Note.decode(SIGNER.sign(1235, ROOT, timestamp=1).note).signatures
    ).encode(),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forgeries_do_not_open(what: str) -> None:
    with pytest.raises(AegisError) as caught:
        open_checkpoint(FORGERIES[what](), SIGNER.verifier_keys)
    assert caught.value.code is ErrorCode.INTEGRITY


def test_what_was_signed_opens_with_both_keys_and_with_either() -> None:
    opened = open_checkpoint(NOTE, SIGNER.verifier_keys)
    assert (opened.checkpoint.origin, opened.checkpoint.size, opened.checkpoint.root) == (ORIGIN, 1234, ROOT)
    assert opened.log_keys == SIGNER.verifier_keys
    assert open_checkpoint(NOTE, [ED25519]).log_keys == (ED25519,)
    assert open_checkpoint(NOTE, [ML_DSA_44]).log_keys == (ML_DSA_44,)


def test_without_a_known_key_nothing_opens() -> None:
    for keys in ([], STRANGER.verifier_keys, OTHER_LOG.verifier_keys):
        with pytest.raises(AegisError):
            open_checkpoint(NOTE, keys)


def test_unknown_signatures_are_ignored_so_that_keys_can_be_rotated() -> None:
    signed = [*Note.decode(STRANGER.sign(1234, ROOT, timestamp=1).note).signatures]
    signed += [NoteSignature("somebody", bytes([number] * 4), b"anything") for number in range(16)]
    note = Note(Note.decode(NOTE).text, (*signed, *Note.decode(NOTE).signatures)).encode()
    assert open_checkpoint(note, SIGNER.verifier_keys).log_keys == SIGNER.verifier_keys


def test_an_ed25519_signer_alone_is_enough_for_an_older_log() -> None:
    signer = CheckpointSigner(ORIGIN, ed25519=bytes(range(32)))
    assert open_checkpoint(signer.sign(0, ROOT, timestamp=1).note, signer.verifier_keys).checkpoint.size == 0
    assert signer.verifier_keys == (ED25519,)


def witnessed(name: str, seed: bytes, *, timestamp: int = 7) -> tuple[NoteSignature, VerifierKey]:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = VerifierKey(name, KeyType.COSIGNATURE_ED25519, private.public_key().public_bytes_raw())
    message = ed25519_message(Note.decode(NOTE).text, timestamp)
    return NoteSignature(name, key.key_id, pack_cosignature(timestamp, private.sign(message))), key


def test_a_quorum_of_witnesses_is_counted_by_name() -> None:
    first, first_key = witnessed("witness-1", b"\1" * 32)
    again, again_key = witnessed("witness-1", b"\2" * 32)
    second, second_key = witnessed("witness-2", b"\3" * 32)
    keys = [first_key, again_key, second_key]

    def note(*signed: NoteSignature) -> str:
        base = Note.decode(NOTE)
        return Note(base.text, (*base.signatures, *signed)).encode()

    opened = open_checkpoint(note(first, second), SIGNER.verifier_keys, witnesses=keys, quorum=2)
    assert opened.witness_keys == (first_key, second_key)
    with pytest.raises(AegisError, match="fewer than 2"):
        open_checkpoint(note(first, again), SIGNER.verifier_keys, witnesses=keys, quorum=2)
    forged = NoteSignature(first.name, first.key_id, first.signature[:-1] + bytes([first.signature[-1] ^ 1]))
    with pytest.raises(AegisError, match="known key"):
        open_checkpoint(note(forged, second), SIGNER.verifier_keys, witnesses=keys, quorum=1)
    with pytest.raises(AegisError, match="of the log"):  # a witness does not stand in for the log
        open_checkpoint(Note(Note.decode(NOTE).text, (first,)).encode(), [first_key], witnesses=keys)


def test_cosigned_messages_are_the_bytes_of_the_specification() -> None:
    text = encode_checkpoint("log", 3, ROOT)
    assert ed25519_message(text, 42) == b"cosignature/v1\ntime 42\n" + text.encode()
    assert ml_dsa_44_message("w", 42, "log", 3, ROOT) == (
        b"subtree/v1\n\0" + b"\1w" + (42).to_bytes(8) + b"\3log" + bytes(8) + (3).to_bytes(8) + ROOT
    )
    assert unpack_cosignature(pack_cosignature(42, b"s")) == (42, b"s")
    with pytest.raises(AegisError):
        unpack_cosignature(bytes(8))
    with pytest.raises(AegisError):
        ml_dsa_44_message("w" * 256, 42, "log", 3, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "log\n3\n",
        "\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log\n03\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log\n-3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log\n٣\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log\n3\nAAEC\n",
        "log\n3\nnot base64\n",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(AegisError) as caught:
        decode_checkpoint(Note(text, (NoteSignature("log", b"1234", b"x"),)).encode())
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_wrong_secrets_and_names_are_refused_and_never_shown() -> None:
    with pytest.raises(AegisError):
        CheckpointSigner("log", ed25519=b"short")
    with pytest.raises(AegisError):
        CheckpointSigner("a name", ed25519=bytes(32))
    with pytest.raises(AegisError):
        SIGNER.sign(3, b"short", timestamp=1)
    assert repr(SIGNER) == f"CheckpointSigner({ORIGIN!r})"
