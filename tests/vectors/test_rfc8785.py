"""The sample pairs of RFC 8785: two lie on the strict profile and match to the byte, four are refused."""

import json
import os
from pathlib import Path

import pytest

from aegis_core.audit.canonical import decode, decode_slowly, encode, encode_slowly
from aegis_core.kernel.errors import AegisError, ErrorCode

pytestmark = pytest.mark.skipif("AEGIS_VECTORS" not in os.environ, reason="AEGIS_VECTORS names no folder")


def sample(name: str) -> tuple[object, bytes]:
    folder = Path(os.environ["AEGIS_VECTORS"]) / "rfc8785"
    return json.loads((folder / "input" / f"{name}.json").read_bytes()), (
        folder / "output" / f"{name}.json"
    ).read_bytes()


@pytest.mark.parametrize("name", ["arrays", "unicode"])
def test_samples_on_the_profile_match_to_the_byte(name: str) -> None:
    value, expected = sample(name)
    assert encode(value) == encode_slowly(value) == expected
    assert decode(expected) == decode_slowly(expected) == value


@pytest.mark.parametrize("name", ["french", "structures", "values", "weird"])
def test_samples_off_the_profile_are_refused(name: str) -> None:
    value, _ = sample(name)
    for function in (encode, encode_slowly):
        with pytest.raises(AegisError) as caught:
            function(value)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["french", "values", "weird"])
def test_their_canonical_forms_are_refused_too(name: str) -> None:
    _, expected = sample(name)
    for function in (decode, decode_slowly):
        with pytest.raises(AegisError):
            function(expected)


def test_a_float_that_is_whole_is_refused_though_its_canonical_form_is_an_integer() -> None:
    _, expected = sample("structures")  # its input says 56.0
    assert encode(decode(expected)) == expected
