"""An envelope opens where it belongs, and whatever else stands in its place is refused without a crash."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.crypto.envelope import LARGEST, Envelope, WrappedDataKey
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.crypto.stream import HEADER_SIZE, Opener, Sealer, Span
from aegis_core.kernel.errors import AegisError, ErrorCode

OBJECT = UUID("01234567-89ab-7def-8123-456789abcdef")
K1 = RingKey("k1", KeyPurpose.WRAP, "active", bytes(range(32)))
K2 = RingKey("k2", KeyPurpose.WRAP, "active", bytes(range(1, 33)))
DATA_KEY = bytes(range(100, 132))
NONCE = bytes(range(12))
GOLDEN = Path(__file__).parents[2] / "golden" / "sealed_object_v1.json"


def envelope() -> Envelope:
    return Envelope.make(DATA_KEY, K1, object_id=OBJECT, key="_/lab/7.pdf", nonce=NONCE)


def test_the_data_key_comes_back_for_the_object_that_it_was_wrapped_for() -> None:
    encoded = envelope().encode()
    decoded, size = Envelope.decode(encoded + b"and the stream")
    assert (decoded, size) == (envelope(), len(encoded))
    assert Envelope.size_of(encoded[:10]) == len(encoded)
    assert decoded.unwrap(K1, key="_/lab/7.pdf") == DATA_KEY


@pytest.mark.parametrize(
    ("under", "key"),
    [
        (K1, "_/lab/8.pdf"),
        (K2, "_/lab/7.pdf"),
        (RingKey("k1", KeyPurpose.WRAP, "active", bytes(32)), "_/lab/7.pdf"),
        (RingKey("k1", KeyPurpose.INDEX, "active", K1.secret), "_/lab/7.pdf"),
    ],
)
def test_another_object_or_ring_key_is_refused(under: RingKey, key: str) -> None:
    with pytest.raises(AegisError) as caught:
        envelope().unwrap(under, key=key)
    assert caught.value.code is ErrorCode.INTEGRITY


def test_a_move_needs_no_decryption_of_the_stream() -> None:
    moved = envelope().moved(K1, key="_/lab/7.pdf", to=K2, new_key="_/archive/7.pdf", nonce=bytes(12))
    assert moved.object_id == OBJECT
    assert moved.context("clinic") == envelope().context("clinic") == b"clinic\x00" + OBJECT.bytes
    assert moved.unwrap(K2, key="_/archive/7.pdf") == DATA_KEY
    with pytest.raises(AegisError):
        moved.unwrap(K2, key="_/lab/7.pdf")


@pytest.mark.parametrize(("data_key", "nonce", "under"), [(b"short", NONCE, K1), (DATA_KEY, b"", K1)])
def test_a_key_or_nonce_of_the_wrong_size_is_an_invalid_argument(data_key: bytes, nonce: bytes, under: RingKey) -> None:
    with pytest.raises(AegisError) as caught:
        Envelope.make(data_key, under, object_id=OBJECT, key="k", nonce=nonce)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_no_key_shows_in_a_repr() -> None:
    for value in (envelope(), envelope().wrapped[0], K1):
        assert "blob" not in repr(value)
        assert "secret" not in repr(value)
        assert "bytes" not in repr(value)


def refused(data: bytes) -> bool:
    """Whether decoding refuses, with the one code that it may refuse with."""
    try:
        Envelope.decode(data)
    except AegisError as error:
        assert error.code is ErrorCode.INTEGRITY
        return True
    return False


def framed(body: bytes) -> bytes:
    return b"AEGIS\x00\x01\x01" + len(body).to_bytes(2) + body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.sampled_from(["k1", OBJECT.hex, "A" * 80]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["keys", "object", "id", "key"]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    assert refused(data)
    assert refused(framed(data))


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_random_json_is_refused_or_reads_back_as_it_was(value: object) -> None:
    data = framed(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())
    if not refused(data):
        assert Envelope.decode(data)[0].encode() == data


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_flipped_bit_of_the_envelope_is_refused_before_a_byte_is_released(where: float, bit: int) -> None:
    encoded = bytearray(envelope().encode())
    encoded[int(where * len(encoded))] ^= 1 << bit
    if refused(bytes(encoded)):
        return
    changed, _ = Envelope.decode(bytes(encoded))
    if changed.object_id != OBJECT:  # the object id is bound by the stream's commitment
        assert changed.context("") != envelope().context("")
        return
    with pytest.raises(AegisError):
        changed.unwrap(K1, key="_/lab/7.pdf")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b"9" * 60_000,
        b'{"keys":[],"object":"' + OBJECT.hex.encode() + b'"}',
        b'{"keys":[{"id":"k1","key":"AAAA"}],"object":"' + OBJECT.hex.encode() + b'"}',
        b'{"keys":[{"id":"k1","key":"' + b"A" * 80 + b'"}],"object":"' + OBJECT.hex.upper().encode() + b'"}',
        b'{"keys":[{"id":"k1","key":"' + b"A" * 80 + b'","key":"' + b"A" * 80 + b'"}],"object":"' + b"0" * 32 + b'"}',
        b'{"keys":[{"id":"k1","key":"' + b"A" * 80 + b'"}],"object":"' + b"0" * 32 + b'","extra":1}',
        b'{"keys":[{"id":"k1","key":"' + b"A" * 80 + b'"}], "object":"' + b"0" * 32 + b'"}',
        b'{"keys":[{"id":"","key":"' + b"A" * 80 + b'"}],"object":"' + b"0" * 32 + b'"}',
        b'{"keys":[{"id":"k\\ud800","key":"' + b"A" * 80 + b'"}],"object":"' + b"0" * 32 + b'"}',
        b"\xff\xfe",
    ],
)
def test_malformed_envelopes_are_refused(body: bytes) -> None:
    assert refused(framed(body))


@pytest.mark.parametrize("place", [5, 6, 7])
def test_another_magic_version_or_suite_is_refused(place: int) -> None:
    encoded = bytearray(envelope().encode())
    encoded[place] += 1
    assert refused(bytes(encoded))


def test_an_envelope_too_long_for_its_length_field_is_refused_when_made() -> None:
    many = Envelope(OBJECT, tuple(WrappedDataKey(f"k{number}", bytes(60)) for number in range(1000)))
    with pytest.raises(AegisError) as caught:
        many.encode()
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert len(envelope().encode()) < 250 < LARGEST


def test_golden_bytes_are_written_and_read_by_every_release() -> None:
    golden = json.loads(GOLDEN.read_text())
    plain = golden["plain"].encode()
    ring_key = RingKey(golden["ring_key_id"], KeyPurpose.WRAP, "active", bytes.fromhex(golden["ring_key"]))
    stored = bytes.fromhex(golden["stored"])

    made = Envelope.make(
        bytes.fromhex(golden["data_key"]),
        ring_key,
        object_id=UUID(golden["object_id"]),
        key=golden["key"],
        nonce=bytes.fromhex(golden["nonce"]),
    )
    context = made.context(golden["tenant"])
    sealer = Sealer(bytes.fromhex(golden["data_key"]), context=context, salt=bytes.fromhex(golden["salt"]))
    assert made.encode() + sealer.header + b"".join(map(bytes, sealer.seal([plain], last=True))) == stored

    read, size = Envelope.decode(stored)
    stream = stored[size:]
    opener = Opener(
        read.unwrap(ring_key, key=golden["key"]),
        context=read.context(golden["tenant"]),
        header=stream[:HEADER_SIZE],
        span=Span.of(len(stream)),
        sealed_size=len(stream),
    )
    assert b"".join(map(bytes, opener.open([stream[HEADER_SIZE:]]))) == plain
    opener.finish()
