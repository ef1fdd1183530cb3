"""Notes and keys: what may be written, what may be read, and which keys may verify."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.note import KeyType, Note, NoteSignature, VerifierKey, is_strong_ed25519
from aegis_core.kernel.errors import AegisError, ErrorCode

KNOWN_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

names = st.text(st.characters(categories=("L", "N", "P"), exclude_characters="+"), min_size=1, max_size=12)
lines = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
signatures = st.builds(NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))


@given(st.lists(lines, min_size=1, max_size=4), st.lists(signatures, min_size=1, max_size=16).map(tuple))
def test_notes_come_back(text: list[str], signed: tuple[NoteSignature, ...]) -> None:
    note = Note("".join(f"{line}\n" for line in text), signed)
    assert Note.decode(note.encode()) == note


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— a AAAAAAA=",
        "text\n\n— a\n",
        "text\n\n— a AAAAAA==\n",
        "text\n\n— a AAAA AAA=\n",
        "text\n\n— a AAAAAAF=\n",
        "text\n\n— a AAAAAAA=\r\n",
        "text\n\n- a AAAAAAA=\n",
        "text\n\n— a+b AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— a\u00a0b AAAAAAA=\n",
        "te\0xt\n\n— a AAAAAAA=\n",
        "te\txt\n\n— a AAAAAAA=\n",
        "text\n\n— a AAAAAAA=\n\n",
        "text\n\n— a AAAAAAA=\ntrailing\n",
        "text\n\n" + "— a AAAAAAA=\n" * 101,
        "t" * 1_000_001,
    ],
)
def test_what_is_not_a_note_is_refused(note: str) -> None:
    with pytest.raises(AegisError) as caught:
        Note.decode(note)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_the_known_verifier_key_reads_and_spells_alike() -> None:
    key = VerifierKey.decode(KNOWN_VKEY)
    assert (key.name, key.type, key.key_id.hex()) == ("example.com/foo", KeyType.ED25519, "530d903a")
    assert key.encode() == KNOWN_VKEY


@pytest.mark.parametrize(
    ("vkey", "code"),
    [
        ("", ErrorCode.INVALID_ARGUMENT),
        ("example.com/foo", ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY.replace("foo", "bar"), ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY.replace("530d903a", "530d903b"), ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY.replace("530d903a", "530D903A"), ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY[:-4], ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY + "=", ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY + "\n", ErrorCode.INVALID_ARGUMENT),
        (KNOWN_VKEY.replace("+Aek", "+Auk"), ErrorCode.UNSUPPORTED),
    ],
)
def test_other_verifier_keys_are_refused(vkey: str, code: ErrorCode) -> None:
    with pytest.raises(AegisError) as caught:
        VerifierKey.decode(vkey)
    assert caught.value.code is code


# The points of small order and their other spellings, with the sign bit clear.
WEAK = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("spelled", WEAK)
def test_keys_that_would_verify_anything_are_refused(spelled: str, sign: int) -> None:
    public = bytearray.fromhex(spelled)
    public[31] |= sign
    for kind in (KeyType.ED25519, KeyType.COSIGNATURE_ED25519):
        with pytest.raises(AegisError, match="small order"):
            VerifierKey("weak", kind, bytes(public))


def test_what_is_no_point_of_the_curve_is_refused() -> None:
    assert not is_strong_ed25519(bytes([2]) + bytes(31))
    assert not is_strong_ed25519(bytes([0xF0]) + b"\xff" * 30 + b"\x7f")


@given(st.binary(min_size=32, max_size=32))
def test_every_honest_key_is_taken(seed: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    assert is_strong_ed25519(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())
