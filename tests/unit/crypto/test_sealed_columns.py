"""A sealed column's text names its key and opens in its own place only."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aegis_core.crypto import (
    KeyPurpose,
    RingKey,
    column_context,
    column_token,
    is_column_token,
    is_sealed,
    open_column,
    seal_column,
    sealing_key,
)
from aegis_core.kernel.errors import AegisError, ErrorCode

GOLDEN = Path(__file__).parents[2] / "golden" / "sealed_column_v1.json"
SUBJECT = f"clinic-a/s:{'4b' * 16}.{'7a' * 8}"
KEY = RingKey(SUBJECT, KeyPurpose.SUBJECT, "active", bytes(range(32)))
INDEX = RingKey("k3", KeyPurpose.INDEX, "active", bytes(range(32)))
CONTEXT = column_context("patient.national_id", subject="HN-42")

texts = st.text(st.characters(), max_size=60)  # NUL, astral and lone surrogates among them
places = st.tuples(texts, texts, texts)


def context(place: tuple[str, str, str]) -> bytes:
    return column_context(place[0], subject=place[1], row=place[2])


def refused(call: object) -> None:
    with pytest.raises(AegisError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code is ErrorCode.INTEGRITY


@settings(max_examples=100, deadline=None)
@given(texts, places, st.binary(min_size=12, max_size=12))
def test_any_text_opens_again_in_its_place(value: str, place: tuple[str, str, str], nonce: bytes) -> None:
    sealed = seal_column(KEY, value, context=context(place), nonce=nonce)
    assert open_column(KEY, sealed, context=context(place)) == value
    assert sealing_key(sealed) == KEY.id
    assert is_sealed(sealed)
    assert sealed.isascii()


@settings(max_examples=100, deadline=None)
@given(places, places)
def test_no_two_places_are_one(here: tuple[str, str, str], there: tuple[str, str, str]) -> None:
    assume(here != there)
    sealed = seal_column(KEY, "1100200007114", context=context(here), nonce=bytes(12))
    refused(lambda: open_column(KEY, sealed, context=context(there)))


def test_parts_that_run_into_one_another_are_other_places() -> None:
    contexts = [column_context("a.b", subject="c", row=""), column_context("a.b", row="c"), column_context("a.bc")]
    contexts += [column_context("a.b\x00c"), column_context("a.b", subject="c\x00")]
    assert len(set(contexts)) == len(contexts)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.sampled_from("Ab9_-=+/:. é\n"))
def test_any_changed_character_is_refused(where: int, character: str) -> None:
    sealed = seal_column(KEY, "1100200007114", context=CONTEXT, nonce=bytes(12))
    at = where % len(sealed)
    changed = sealed[:at] + character + sealed[at + 1 :]
    assume(changed != sealed)

    def opened() -> None:
        if sealing_key(changed) != KEY.id:
            raise AegisError(ErrorCode.INTEGRITY, "of another key")
        open_column(KEY, changed, context=CONTEXT)

    refused(opened)


@pytest.mark.parametrize("text", ["", "1100200007114", "aegis1:", "aegis1:k1:", f"aegis1:k1:{'A' * 38}", "aegis1::AQ"])
def test_what_nobody_sealed_names_no_key(text: str) -> None:
    refused(lambda: sealing_key(text))
    assert not is_sealed(text)


def test_a_token_is_of_one_place_and_is_no_value() -> None:
    token = column_token(INDEX, "1100200007114", place="patient.national_id")
    others = {
        column_token(INDEX, "1100200007114", place="relative.national_id"),
        column_token(INDEX, "1100200007114", place="patient.national_id", tenant="b"),
        column_token(INDEX, "1100200007115", place="patient.national_id"),
    }
    assert len(others | {token}) == 4
    assert token == column_token(INDEX, "1100200007114", place="patient.national_id")
    assert is_column_token(token)
    assert not any(map(is_column_token, ["1100200007114", "k1:1100200007114", "", CONTEXT.hex()]))


def test_golden_texts_are_written_and_read_by_every_release() -> None:
    golden = json.loads(GOLDEN.read_text())
    key = RingKey(golden["key_id"], KeyPurpose.SUBJECT, "active", bytes.fromhex(golden["key"]))
    index = RingKey(golden["index_key_id"], KeyPurpose.INDEX, "active", bytes.fromhex(golden["index_key"]))
    where = column_context(golden["place"], subject=golden["subject"], row=golden["row"])
    assert where.hex() == golden["context"]
    made = seal_column(key, golden["value"], context=where, nonce=bytes.fromhex(golden["nonce"]))
    assert made == golden["sealed"]
    assert open_column(key, golden["sealed"], context=where) == golden["value"]
    token = column_token(index, golden["value"], place=golden["place"], tenant=golden["tenant"])
    assert token == golden["token"]
