"""Sealed streams give back what went in, and nothing that was not authentic."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.crypto.stream import (
    CHUNK_SIZE,
    HEADER_SIZE,
    SEALED_CHUNK_SIZE,
    Opener,
    Sealer,
    Span,
    plain_size,
    sealed_size,
)
from aegis_core.kernel.errors import AegisError, ErrorCode

KEY = bytes(range(32))
SALT = bytes(range(24))
CONTEXT = b"tenant\0object"
PATTERN = bytes(i * 131 + (i >> 8) & 0xFF for i in range(70 * CHUNK_SIZE + 7))

# Lengths around the edges of chunks and of the batches of 4 and 64 chunks.
edges = st.builds(
    lambda chunks, delta: max(0, chunks * CHUNK_SIZE + delta),
    st.sampled_from([0, 1, 2, 3, 4, 5, 63, 64, 65, 68, 69]),
    st.integers(-2, 2),
)
short_edges = st.builds(
    lambda chunks, delta: max(0, chunks * CHUNK_SIZE + delta), st.integers(0, 4), st.sampled_from([-1, 0, 1, 77])
)


def cut(whole: bytes, sizes: list[int]) -> list[bytes]:
    """Cut into pieces of these sizes, and the rest."""
    marks = [0, *(mark for mark in accumulate(sizes) if mark < len(whole)), len(whole)]
    return [whole[start:stop] for start, stop in pairwise(marks)]


def seal(plain: bytes, *, pieces: list[int] | None = None) -> bytes:
    sealer = Sealer(KEY, context=CONTEXT, salt=SALT)
    sealed = bytearray(sealer.header)
    for piece in cut(plain, pieces or []):
        for view in sealer.seal([piece]):
            sealed += view
    for view in sealer.seal((), last=True):
        sealed += view
    return bytes(sealed)


def released(
    sealed: bytes,
    *,
    start: int = 0,
    stop: int | None = None,
    pieces: list[int] | None = None,
    key: bytes = KEY,
    context: bytes = CONTEXT,
) -> tuple[bytes, ErrorCode | None]:
    """Open, piece by piece: what came out, and the code of the error that ended it."""
    out = bytearray()
    try:
        span = Span.of(len(sealed), start, stop)
        opener = Opener(key, context=context, header=sealed[:HEADER_SIZE], span=span, sealed_size=len(sealed))
        for piece in cut(sealed[span.stored_start : span.stored_stop], pieces or []):
            for view in opener.open([piece]):
                out += view
        opener.finish()
    except AegisError as error:
        return bytes(out), error.code
    return bytes(out), None


piece_sizes = st.lists(st.integers(0, 3 * CHUNK_SIZE), max_size=12)


@settings(max_examples=50, deadline=None)
@given(size=edges, sealing=piece_sizes, opening=piece_sizes)
def test_what_went_in_comes_out_whatever_the_pieces(size: int, sealing: list[int], opening: list[int]) -> None:
    plain = PATTERN[:size]
    sealed = seal(plain, pieces=sealing)
    assert len(sealed) == sealed_size(size)
    assert plain_size(len(sealed)) == size
    assert sealed == seal(plain)
    assert released(sealed, pieces=opening) == (plain, None)


@settings(max_examples=50, deadline=None)
@given(size=short_edges, ends=st.tuples(st.floats(0, 1), st.floats(0, 1.2)), opening=piece_sizes)
def test_a_range_is_the_slice(size: int, ends: tuple[float, float], opening: list[int]) -> None:
    start = int(ends[0] * size)
    stop = max(start, int(ends[1] * size))
    sealed = seal(PATTERN[:size])
    assert released(sealed, start=start, stop=stop, pieces=opening) == (PATTERN[:size][start:stop], None)


@pytest.mark.parametrize("start", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, 2 * CHUNK_SIZE])
@pytest.mark.parametrize("length", [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1])
def test_a_range_fetches_no_chunk_that_it_does_not_need(start: int, length: int) -> None:
    whole = sealed_size(4 * CHUNK_SIZE)
    span = Span.of(whole, start, start + length)
    needed = {i // CHUNK_SIZE for i in range(start, start + length)} or {start // CHUNK_SIZE}
    assert (span.first_chunk, span.last_chunk) == (min(needed), max(needed))
    assert span.stored_stop - span.stored_start == len(needed) * SEALED_CHUNK_SIZE


@pytest.mark.parametrize("size", [0, 5, CHUNK_SIZE, 3 * CHUNK_SIZE])
def test_a_range_that_reaches_the_end_authenticates_the_last_chunk(size: int) -> None:
    sealed = bytearray(seal(PATTERN[:size]))
    sealed[-1] ^= 1
    assert released(bytes(sealed), start=size)[1] is ErrorCode.INTEGRITY
    assert released(bytes(sealed), start=max(0, size - 1), stop=size + 100)[1] is ErrorCode.INTEGRITY


@pytest.mark.parametrize(("start", "stop"), [(11, None), (-1, None), (5, 4), (0, -1)])
def test_a_range_outside_is_an_invalid_argument(start: int, stop: int | None) -> None:
    assert released(seal(PATTERN[:10]), start=start, stop=stop) == (b"", ErrorCode.INVALID_ARGUMENT)


@settings(max_examples=50, deadline=None)
@given(size=short_edges, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), opening=piece_sizes)
def test_any_flipped_bit_is_refused(size: int, where: float, bit: int, opening: list[int]) -> None:
    sealed = bytearray(seal(PATTERN[:size]))
    sealed[int(where * len(sealed))] ^= 1 << bit
    out, code = released(bytes(sealed), pieces=opening)
    assert code is ErrorCode.INTEGRITY
    assert PATTERN[:size].startswith(out)


@settings(max_examples=50, deadline=None)
@given(size=short_edges, where=st.floats(0, 1, exclude_max=True), opening=piece_sizes)
def test_any_cut_is_refused(size: int, where: float, opening: list[int]) -> None:
    sealed = seal(PATTERN[:size])
    out, code = released(sealed[: int(where * len(sealed))], pieces=opening)
    assert code is ErrorCode.INTEGRITY
    assert PATTERN[:size].startswith(out)


@pytest.mark.parametrize("chunks", range(4))
def test_a_cut_between_chunks_is_refused(chunks: int) -> None:
    sealed = seal(PATTERN[: 3 * CHUNK_SIZE + 9])
    assert released(sealed[: HEADER_SIZE + chunks * SEALED_CHUNK_SIZE]) == (b"", ErrorCode.INTEGRITY)


def test_a_stream_that_stops_arriving_is_refused_at_the_end() -> None:
    sealed = seal(PATTERN[: 2 * CHUNK_SIZE])
    span = Span.of(len(sealed))
    opener = Opener(KEY, context=CONTEXT, header=sealed[:HEADER_SIZE], span=span, sealed_size=len(sealed))
    assert b"".join(map(bytes, opener.open([sealed[HEADER_SIZE:-1]]))) == PATTERN[: 2 * CHUNK_SIZE]
    with pytest.raises(AegisError, match="too early"):
        opener.finish()


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 0, 2, 3), (0, 2, 1, 3), (0, 1, 1, 3), (0, 1, 3), (0, 1, 2, 3, 3)])
def test_moved_repeated_and_missing_chunks_are_refused(order: tuple[int, ...]) -> None:
    sealed = seal(PATTERN[: 3 * CHUNK_SIZE + 100])
    body = sealed[HEADER_SIZE:]
    chunks = [body[at : at + SEALED_CHUNK_SIZE] for at in range(0, len(body), SEALED_CHUNK_SIZE)]
    out, code = released(sealed[:HEADER_SIZE] + b"".join(chunks[number] for number in order), pieces=[1] * 5)
    assert code is ErrorCode.INTEGRITY
    assert PATTERN.startswith(out)


def test_another_key_or_context_is_refused_before_any_chunk() -> None:
    sealed = seal(PATTERN[:100])
    assert released(sealed, key=bytes(32)) == (b"", ErrorCode.INTEGRITY)
    assert released(sealed, context=b"tenant\0other") == (b"", ErrorCode.INTEGRITY)
    assert released(sealed, key=KEY[:16]) == (b"", ErrorCode.INTEGRITY)


def test_a_refused_chunk_leaves_no_byte_of_itself_in_the_buffer_and_every_later_call_fails() -> None:
    sealed = bytearray(seal(PATTERN[: 2 * CHUNK_SIZE + 50]))
    sealed[HEADER_SIZE + SEALED_CHUNK_SIZE + 5] ^= 0x80
    span = Span.of(len(sealed))
    opener = Opener(KEY, context=CONTEXT, header=bytes(sealed[:HEADER_SIZE]), span=span, sealed_size=len(sealed))
    first = HEADER_SIZE + SEALED_CHUNK_SIZE
    (view,) = opener.open([sealed[HEADER_SIZE:first]])
    assert bytes(view) == PATTERN[:CHUNK_SIZE]
    with pytest.raises(AegisError):
        list(opener.open([sealed[first : first + SEALED_CHUNK_SIZE]]))
    assert not any(view)
    with pytest.raises(AegisError):
        list(opener.open([sealed[first + SEALED_CHUNK_SIZE :]]))
    with pytest.raises(AegisError):
        opener.finish()


def test_sealing_goes_on_after_neither_the_end_nor_a_call_that_was_left_early() -> None:
    sealer = Sealer(KEY, context=CONTEXT, salt=SALT)
    list(sealer.seal([b"x"], last=True))
    with pytest.raises(AegisError, match="ended"):
        list(sealer.seal([b"y"]))
    left = Sealer(KEY, context=CONTEXT, salt=SALT)
    next(left.seal([PATTERN]))
    with pytest.raises(AegisError, match="left early"):
        list(left.seal([b"y"], last=True))


def test_sealing_never_uses_a_nonce_twice() -> None:
    used: list[bytes] = []
    sealer = Sealer(KEY, context=CONTEXT, salt=SALT)
    real = sealer._seal

    def spy(nonce: bytes, plain: memoryview, aad: None, slot: memoryview) -> int:
        used.append(bytes(nonce))
        return real(nonce, plain, aad, slot)

    sealer._seal = spy
    # 600 chunks: the counter crosses two byte boundaries, in batches that do and do not end on one.
    for pieces in ([PATTERN[: 70 * CHUNK_SIZE]] * 5, [PATTERN[: 3 * CHUNK_SIZE]] * 70, [b"rest"]):
        for _ in sealer.seal(pieces):
            pass
    list(sealer.seal((), last=True))
    base = int.from_bytes(used[0])
    assert [int.from_bytes(nonce) ^ base for nonce in used] == list(range(561))


def test_the_stream_keeps_no_more_than_its_buffers() -> None:
    sealer = Sealer(KEY, context=CONTEXT, salt=SALT)
    list(sealer.seal([PATTERN[:100]]))
    assert len(sealer._out) + len(sealer._pending) < 100_000
    assert max(len(view) for view in sealer.seal([PATTERN, PATTERN])) == 64 * SEALED_CHUNK_SIZE
    assert len(sealer._out) + len(sealer._pending) < 1_100_000
