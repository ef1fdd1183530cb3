"""Sealed fields open only where they were sealed, and tokens find a value without telling it."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.crypto.fields import field_context, index_token, open_field, seal_field, subject_digest
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.kernel.errors import AegisError, ErrorCode

EVENT = UUID(int=7)
KEY = RingKey("s:1", KeyPurpose.SUBJECT, "active", bytes(range(32)))
INDEX = RingKey("k3", KeyPurpose.INDEX, "active", bytes(range(32)))
CONTEXT = field_context(EVENT, "mrn", "report.filed/1")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.binary(min_size=12, max_size=12))
def test_a_sealed_field_opens_again(plaintext: bytes, nonce: bytes) -> None:
    sealed = seal_field(KEY, plaintext, context=CONTEXT, nonce=nonce)
    assert open_field(KEY, sealed, context=CONTEXT) == plaintext
    assert sealed.isascii()
    assert "=" not in sealed


@pytest.mark.parametrize(
    "context",
    [
        field_context(UUID(int=8), "mrn", "report.filed/1"),
        field_context(EVENT, "name", "report.filed/1"),
        field_context(EVENT, "mrn", "report.filed/2"),
        b"",
    ],
)
def test_a_field_opens_in_no_other_place(context: bytes) -> None:
    sealed = seal_field(KEY, b"HN-0042", context=CONTEXT, nonce=bytes(12))
    with pytest.raises(AegisError) as caught:
        open_field(KEY, sealed, context=context)
    assert caught.value.code is ErrorCode.INTEGRITY


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.sampled_from("Ab9_-=+/ é\n"))
def test_any_changed_character_is_refused(where: int, character: str) -> None:
    sealed = seal_field(KEY, b"HN-0042", context=CONTEXT, nonce=bytes(12))
    place = where % len(sealed)
    changed = sealed[:place] + character + sealed[place + 1 :]
    if changed != sealed:
        with pytest.raises(AegisError) as caught:
            open_field(KEY, changed, context=CONTEXT)
        assert caught.value.code is ErrorCode.INTEGRITY


@pytest.mark.parametrize("text", ["", "A", "AQ", "====", "AQ" * 8, "\ud800"])
def test_what_is_no_sealed_field_is_refused(text: str) -> None:
    with pytest.raises(AegisError) as caught:
        open_field(KEY, text, context=CONTEXT)
    assert caught.value.code is ErrorCode.INTEGRITY


def test_a_key_of_another_purpose_neither_seals_nor_indexes() -> None:
    with pytest.raises(AegisError) as caught:
        seal_field(INDEX, b"x", context=CONTEXT, nonce=bytes(12))
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(AegisError) as caught:
        index_token(KEY, "x")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_a_token_is_the_same_for_the_same_value_of_one_tenant_only() -> None:
    token = index_token(INDEX, "HN-0042", tenant="a")
    assert token == index_token(INDEX, "HN-0042", tenant="a")
    assert token.startswith("k3:")
    others = {
        index_token(INDEX, "HN-0042", tenant="b"),
        index_token(INDEX, "HN-0043", tenant="a"),
        index_token(RingKey("k3", KeyPurpose.INDEX, "active", bytes(32)), "HN-0042", tenant="a"),
        f"k3:{subject_digest(INDEX, 'HN-0042', tenant='a')}",
    }
    assert len(others) == 4
    assert token not in others
    assert "0042" not in token
