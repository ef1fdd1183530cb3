"""Sealed streams and fields against the bare cipher.

The limit is a loop over the same plaintext in pieces of 16 KiB, each sealed or opened by the bare cipher into a reused
buffer: what the standard's chunk size allows at best.
"""

import tracemalloc
from collections.abc import Callable, Iterable
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegis_core.crypto.fields import field_context, index_token, open_field, seal_field
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.crypto.stream import CHUNK_SIZE, HEADER_SIZE, SEALED_CHUNK_SIZE, Opener, Sealer, Span
from aegis_core.kernel.entropy import SYSTEM_ENTROPY
from benchmarks.rows import Row, interleaved

MIB = 1 << 20
TARGET = 0.92


def rows(quick: bool) -> Iterable[Row]:
    size = (32 if quick else 64) * MIB
    yield from _streams(size, rounds=9 if quick else 15)
    yield from _small(number=2_000 if quick else 10_000)


def _streams(size: int, *, rounds: int) -> Iterable[Row]:
    octets = SYSTEM_ENTROPY.octets
    key, salt, nonce = octets(32), octets(24), octets(12)
    plain = memoryview(octets(size))
    cipher = AESGCM(key)
    seal, unseal = cipher.encrypt_into, cipher.decrypt_into
    sealed_chunk, plain_chunk = bytearray(SEALED_CHUNK_SIZE), bytearray(CHUNK_SIZE)
    chunks = memoryview(
        b"".join(cipher.encrypt(nonce, plain[at : at + CHUNK_SIZE], None) for at in range(0, size, CHUNK_SIZE))
    )
    sealer = Sealer(key, context=b"bench", salt=salt)
    stored = memoryview(sealer.header + b"".join(map(bytes, sealer.seal([plain], last=True))))

    def bare_seal() -> None:
        for at in range(0, size, CHUNK_SIZE):
            seal(nonce, plain[at : at + CHUNK_SIZE], None, sealed_chunk)

    def bare_open() -> None:
        for at in range(0, len(chunks), SEALED_CHUNK_SIZE):
            unseal(nonce, chunks[at : at + SEALED_CHUNK_SIZE], None, plain_chunk)

    def sealing(piece: int) -> Callable[[], None]:
        def run() -> None:
            sealer = Sealer(key, context=b"bench", salt=salt)
            for at in range(0, size, piece):
                for _ in sealer.seal([plain[at : at + piece]], last=at + piece >= size):
                    pass

        return run

    def opening(piece: int) -> Callable[[], None]:
        def run() -> None:
            whole = len(stored)
            opener = Opener(key, context=b"bench", header=stored[:HEADER_SIZE], span=Span.of(whole), sealed_size=whole)
            for at in range(HEADER_SIZE, whole, piece):
                for _ in opener.open([stored[at : at + piece]]):
                    pass
            opener.finish()

        return run

    spent = interleaved(
        {
            "bare seal": bare_seal,
            "seal": sealing(MIB),
            "seal whole": sealing(size),
            "bare open": bare_open,
            "open": opening(MIB),
            "open whole": opening(size),
        },
        number=1,
        repeat=rounds,
    )
    speed = {name: size / MIB / seconds for name, seconds in spent.items()}
    for name, ours, limit in (
        ("seal a stream, pieces of 1 MiB", "seal", "bare seal"),
        ("seal a stream, one piece", "seal whole", "bare seal"),
        ("open a stream, pieces of 1 MiB", "open", "bare open"),
        ("open a stream, one piece", "open whole", "bare open"),
    ):
        yield Row("crypto", name, speed[ours], speed[limit], target=TARGET, unit="MiB/s", better="higher")
    for name, run in (("seal", sealing(MIB)), ("open", opening(MIB))):
        yield Row("crypto", f"memory to {name} {size // MIB} MiB", _peak(run), target=1.25 * MIB, unit="bytes")


def _peak(run: Callable[[], None]) -> float:
    tracemalloc.start()
    try:
        run()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def _small(number: int) -> Iterable[Row]:
    octets = SYSTEM_ENTROPY.octets
    key = RingKey("s:bench", KeyPurpose.SUBJECT, "active", octets(32))
    index = RingKey("k1", KeyPurpose.INDEX, "active", octets(32))
    event, value, nonce = UUID(int=1), b"HN-7734211", octets(12)
    context = field_context(event, "mrn", "report.filed/1")
    sealed = seal_field(key, value, context=context, nonce=nonce)
    bare = AESGCM(key.secret).encrypt

    def object_of(size: int) -> Callable[[], None]:
        plain, stream_key, salt = octets(size), octets(32), octets(24)

        def run() -> None:
            for _ in Sealer(stream_key, context=b"bench", salt=salt).seal([plain], last=True):
                pass

        return run

    spent = interleaved(
        {
            "bare": lambda: bare(nonce, value, context),
            "seal": lambda: seal_field(key, value, context=context, nonce=nonce),
            "open": lambda: open_field(key, sealed, context=context),
            "token": lambda: index_token(index, "HN-7734211", tenant="clinic-a"),
            "object": object_of(2_000),
        },
        number=number,
    )
    yield Row(
        "crypto", "seal a field of 10 bytes", spent["seal"], spent["bare"], target=4.0, note="limit: bare AES-GCM"
    )
    yield Row(
        "crypto", "open a field of 10 bytes", spent["open"], spent["bare"], target=6.0, note="limit: bare AES-GCM"
    )
    yield Row("crypto", "search token", spent["token"], spent["bare"], note="limit: bare AES-GCM")
    yield Row("crypto", "seal an object of 2 kB", spent["object"], spent["bare"], note="keys derived; no I/O")
