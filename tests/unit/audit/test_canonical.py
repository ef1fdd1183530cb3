"""Canonical JSON: one value, one spelling; anything outside the profile refused by path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit import canonical
from aegis_core.audit.canonical import DEEPEST, decode, decode_slowly, encode, encode_slowly
from aegis_core.kernel.errors import AegisError, ErrorCode

names = st.text(st.characters(max_codepoint=127), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)


@given(values)
def test_fast_and_slow_spell_the_same_bytes(value: object) -> None:
    text = encode(value)
    assert text == encode_slowly(value)
    assert decode(text) == decode_slowly(text) == value


@given(values)
def test_agrees_with_an_independent_spelling(value: object) -> None:
    assert encode(value) == spell(value).encode()


def spell(value: object) -> str:
    """RFC 8785 written once more, as naively as it reads."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
            return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
        case list():
            return "[" + ",".join(map(spell, value)) + "]"
        case dict():
            in_order = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{spell(name)}:{spell(value[name])}" for name in in_order) + "}"
    raise AssertionError(value)


@given(values, st.sampled_from([" ", "\n"]), st.data())
def test_white_space_anywhere_outside_text_is_refused(value: object, blank: str, data: st.DataObject) -> None:
    text = encode([value])
    assert_refused(blank.encode() + text)
    assert_refused(text + blank.encode())
    assert_refused(text[:1] + blank.encode() + text[1:])


@given(st.binary(max_size=12) | st.text('{}[]",:0123456789.eE-truefalsn\\u ', max_size=12).map(str.encode))
def test_whatever_is_accepted_is_its_own_spelling(text: bytes) -> None:
    try:
        value = decode(text)
    except AegisError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT
        assert_refused(text)
    else:
        assert encode(value) == text == encode_slowly(decode_slowly(text))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b'\xef\xbb\xbf{"a":1}',
        b"[1.0]",
        b"[1e2]",
        b"[-0]",
        b"[01]",
        b"[NaN]",
        b"[Infinity]",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'[{"a":{"b":1,"b":1}}]',
        b'{"b":1,"a":2}',
        b'{"\xc3\xa9":1}',
        b'{"\\u00e9":1}',
        b'{"a":1}{"a":1}',
        b'["\\u0041"]',
        b'["\\/"]',
        b'["\\ud800"]',
        b'["\\u001F"]',
        b"[9007199254740992]",
        b"[-9007199254740992]",
        b"[18446744073709551616]",
        b"[" * 5000 + b"]" * 5000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"9" * 5000,
    ],
)
def test_another_spelling_or_value_is_refused(text: bytes) -> None:
    assert_refused(text)


def test_refusals_name_the_path_and_not_the_value() -> None:
    for value, path in [
        ({"a": [1, {"b": 2.5}]}, "$.a[1].b"),
        ({"a": {"b": 2**53}}, "$.a.b"),
        ([["\ud800"]], "$[0][0]"),
        ({"a": {"secret-né": 1}}, "$.a"),
        ({"a": {7: 1}}, "$.a"),
        ({"when": object()}, "$.when"),
    ]:
        for function in (encode, encode_slowly):
            with pytest.raises(AegisError, match="at ") as caught:
                function(value)
            assert path in str(caught.value)
            assert "2.5" not in str(caught.value)
            assert "secret" not in str(caught.value)


def test_subclasses_are_refused_for_they_may_spell_differently() -> None:
    class Loud(str):
        __slots__ = ()

    class Count(int):
        pass

    for value in (Loud("x"), Count(3), {Loud("x"): 1}, {"a": [Count(3)]}):
        for function in (encode, encode_slowly):
            with pytest.raises(AegisError):
                function(value)


def test_works_without_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "accelerator", lambda: None)
    assert decode(encode({"b": 1, "a": [True, None, "é"]})) == {"a": [True, None, "é"], "b": 1}
    assert_refused(b"[1.0]")


def assert_refused(text: bytes) -> None:
    for function in (decode, decode_slowly):
        with pytest.raises(AegisError) as caught:
            function(text)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert caught.value.__cause__ is None
