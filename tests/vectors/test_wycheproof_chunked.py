"""Wycheproof's cases for C2SP chunked-encryption, AES-256-GCM."""

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegis_core.crypto.stream import HEADER_SIZE, SEALED_CHUNK_SIZE, Opener, Sealer, Span, plain_size
from aegis_core.kernel.errors import AegisError, ErrorCode

_FILE = "wycheproof/testvectors_v1/c2sp_chunked_encryption_aes_256_gcm_test.json"


def _cases() -> list[Any]:
    folder = os.environ.get("AEGIS_VECTORS")
    if not folder:
        return [pytest.param(None, marks=pytest.mark.skip(reason="AEGIS_VECTORS names no folder"))]
    groups = json.loads((Path(folder) / _FILE).read_text())["testGroups"]
    return [pytest.param(case, id=f"tc{case['tcId']}") for group in groups for case in group["tests"]]


def _open(case: dict[str, Any], sealed: bytes, piece_size: int) -> tuple[bytes, AegisError | None]:
    """Open a whole stream in pieces: what was released, and how it ended."""
    released = b""
    try:
        opener = Opener(
            bytes.fromhex(case["key"]),
            context=bytes.fromhex(case["ctx"]),
            header=sealed[:HEADER_SIZE],
            span=Span.of(len(sealed)),
            sealed_size=len(sealed),
        )
        for at in range(HEADER_SIZE, len(sealed), piece_size):
            for view in opener.open([sealed[at : at + piece_size]]):
                released += bytes(view)
        opener.finish()
    except AegisError as error:
        return released, error
    return released, None


def _valid_prefix(case: dict[str, Any], sealed: bytes) -> bytes:
    """The longest authentic prefix, by the cipher alone."""
    cipher, nonce = AESGCM(bytes.fromhex(case["aeadKey"])), int(case["baseNonce"], 16)
    prefix = b""
    for number, at in enumerate(range(HEADER_SIZE, len(sealed), SEALED_CHUNK_SIZE)):
        try:
            prefix += cipher.decrypt((nonce ^ number).to_bytes(12), sealed[at : at + SEALED_CHUNK_SIZE], None)
        except InvalidTag:
            break
    return prefix


@pytest.mark.parametrize("case", _cases())
def test_every_case_opens_or_is_refused_as_the_vectors_say(case: dict[str, Any]) -> None:
    sealed = zlib.decompress(bytes.fromhex(case["ct"]))
    for piece_size in (16_400, 1_000_003, 4_099):
        released, error = _open(case, sealed, piece_size)
        if case["result"] == "valid":
            assert error is None
            assert len(released) == case["msgLength"]
            assert hashlib.sha512(released).hexdigest() == case["msgSha512"]
        else:
            assert error is not None
            assert error.code is ErrorCode.INTEGRITY
            authentic = _valid_prefix(case, sealed) if "aeadKey" in case else b""
            assert authentic.startswith(released)


@pytest.mark.parametrize("case", _cases())
def test_sealing_gives_the_very_bytes_of_the_valid_cases(case: dict[str, Any]) -> None:
    if case["result"] != "valid":
        return
    sealed = zlib.decompress(bytes.fromhex(case["ct"]))
    plain, _ = _open(case, sealed, 1 << 20)
    sealer = Sealer(bytes.fromhex(case["key"]), context=bytes.fromhex(case["ctx"]), salt=sealed[:24])
    assert sealer.header + b"".join(map(bytes, sealer.seal([plain], last=True))) == sealed


@pytest.mark.parametrize("case", _cases())
def test_a_seek_from_the_end_succeeds_only_where_the_last_chunk_is_authentic(case: dict[str, Any]) -> None:
    sealed = zlib.decompress(bytes.fromhex(case["ct"]))
    try:
        size = plain_size(len(sealed))
        span = Span.of(len(sealed), size)
        opener = Opener(
            bytes.fromhex(case["key"]),
            context=bytes.fromhex(case["ctx"]),
            header=sealed[:HEADER_SIZE],
            span=span,
            sealed_size=len(sealed),
        )
        assert not list(opener.open([sealed[span.stored_start : span.stored_stop]]))
        opener.finish()
        outcome = None
    except AegisError as error:
        outcome = error.code
    authentic = case["result"] == "valid" or "ValidFinalChunk" in case["flags"]
    assert outcome is (None if authentic else ErrorCode.INTEGRITY)
