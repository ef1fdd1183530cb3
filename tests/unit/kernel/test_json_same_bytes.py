"""One value has one spelling, whichever library wrote it."""

import dataclasses
import decimal
import enum
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis_core.kernel import json
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks import PHI, Classified

fast = json._fast()
slow = (json._stdlib_dumps, json._stdlib_loads)
needs_orjson = pytest.mark.skipif(fast is None, reason="orjson is not installed")
BOTH = [pytest.param(slow, id="stdlib"), *([pytest.param(fast, id="orjson")] if fast else [])]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.floats(1e-7, 1e-3)
    | st.floats(1e14, 1e19)
    | st.text(st.characters())
    | st.text(st.characters(exclude_categories=()), max_size=3)
    | st.uuids()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=7))))
    | st.dates()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def outcome(write, value, sort):
    try:
        return write(value, sort)
    except AegisError as error:
        return f"refused: {error.code}"


@needs_orjson
@given(values, st.booleans())
@example(float("nan"), False)
@example([None, float("inf")], False)
@example(2**64, False)
@example(-(2**63) - 1, False)
@example({"\ud800": 1}, True)
def test_both_libraries_write_the_same_bytes_or_both_refuse(value, sort):
    assert outcome(fast[0], value, sort) == outcome(slow[0], value, sort)


@needs_orjson
@given(values, st.sampled_from([float("nan"), float("inf"), float("-inf"), -float("nan")]), st.text(max_size=20))
def test_a_float_that_is_not_finite_is_never_taken_for_null(beside, wrong, text):
    for value in ([beside, wrong], {text: [None, {"g": (wrong,)}]}, {"gggggggg": None, "a": beside, text: wrong}):
        assert outcome(fast[0], value, False) == "refused: invalid_argument"
    assert json._may_hide_nan([None, 1.5, text]) is False or not text.isascii()


@needs_orjson
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(1e22)
@example(-1.5e-5)
@example(9.999999999999999e15)
def test_floats_are_spelled_alike_and_read_back(value):
    assert fast[0](value, False) == slow[0](value, False)
    assert math.copysign(1, json.loads(json.dumps(value))) == math.copysign(1, value)
    assert json.loads(json.dumps(value)) == value


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    A = "a"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "other"


class Whole(int):
    pass


class Pair(NamedTuple):
    a: int
    b: int


class Broken(enum.Enum):
    NAN = float("nan")


@dataclasses.dataclass
class Point:
    x: int = 1


@pytest.mark.parametrize("library", BOTH)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Colour.RED, b'"red"'),
        (Word.A, b'"a"'),
        (Text("x"), b'"x"'),
        (Whole(3), b"3"),
        (Pair(1, 2), b"[1,2]"),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (MappingProxyType({"a": (1, None)}), b'{"a":[1,null]}'),
        (UUID(int=5), b'"00000000-0000-0000-0000-000000000005"'),
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), b'"2026-01-02T03:04:05.000006Z"'),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=7))), b'"2026-01-02T00:00:00+07:00"'),
        (date(2026, 1, 2), b'"2026-01-02"'),
        ('\x00\x1f\x7f\u2028/\\"\n', '"\\u0000\\u001f\x7f\u2028/\\\\\\"\\n"'.encode()),
        ({"mrn": Classified("123456", PHI.MRN)}, b'{"mrn":"[phi.mrn]"}'),
        (2**64 - 1, b"18446744073709551615"),
        ("null", b'"null"'),
    ],
)
def test_values_have_one_spelling(library, value, text):
    assert library[0](value, False) == text


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("library", BOTH)
@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [None, {"a": float("-inf")}],
        2**64,
        {1: 2},
        {Text("a"): 1},
        {None: 1},
        "\ud800",
        {"a\udfff": 1},
        b"bytes",
        {1, 2},
        decimal.Decimal(1),
        datetime(2026, 1, 2),  # noqa: DTZ001
        Broken.NAN,
        {"a": MappingProxyType({"b": float("nan")})},
        Point(),
        object(),
        nested(255),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused(library, value):
    with pytest.raises(AegisError) as caught:
        library[0](value, False)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("library", BOTH)
def test_a_refusal_does_not_repeat_the_value(library):
    with pytest.raises(AegisError) as caught:
        library[0]({"name": ["Somchai", b"Prasert"]}, False)
    with pytest.raises(AegisError) as read:
        library[1](b'{"name": "Somchai')
    for error in (caught.value, read.value):
        assert "Somchai" not in f"{error}{error!r}{error.__cause__}{error.__context__}"
        assert "Prasert" not in str(error)


@pytest.mark.parametrize("library", BOTH)
def test_sorting_goes_by_code_point_at_every_depth(library):
    value = {"b": {"ÿ": 1, "\U00010000": 2, "\uffff": 3, "a": 4}, "B": 0}
    text = library[0](value, True)
    assert text == '{"B":0,"b":{"a":4,"ÿ":1,"\uffff":3,"\U00010000":2}}'.encode()


DOCUMENTS = [
    b"", b"nul", b"NaN", b"[Infinity]", b"[1,]", b"{'a':1}", b'"\x01"', b'"\\ud800"', b'"\\ud83d\\ude00"', b"01", b"-0",
    b"-0.0", b"1e5", b"1E5", b"1e999", b"18446744073709551616", b"18446744073709551615", b"-9223372036854775809",
    b"9" * 40, b"9" * 400, b'{"a":1,"a":2}', b"\xef\xbb\xbf1", b"\xff", b" [ 1 , 2 ] ", b'"\xc3\xa4"',
    b"[" * 1025 + b"]" * 1025, b"[" * 100000, b'{"\\ud800":1}', b"1 2", "1".encode("utf-16"), b'"' + b"[" * 2000 + b'"',
]  # fmt: skip


def read_outcome(read, text):
    try:
        return repr(read(text))
    except AegisError as error:
        return f"refused: {error.code}"


@needs_orjson
@pytest.mark.parametrize("text", DOCUMENTS, ids=lambda text: repr(text[:24]))
def test_both_libraries_read_alike(text):
    assert read_outcome(fast[1], text) == read_outcome(slow[1], text)


@needs_orjson
@given(st.binary(max_size=12) | st.text('0123456789eE+-.,[]{}": \\untrfalsd', max_size=16).map(str.encode))
def test_both_libraries_read_any_text_alike(text):
    assert read_outcome(fast[1], text) == read_outcome(slow[1], text)


@given(values)
def test_what_was_written_reads_back(value):
    text = outcome(lambda v, s: json.dumps(v, sort=s), value, False)
    if isinstance(text, bytes):
        assert json.dumps(json.loads(text)) == text


def test_an_orjson_that_spells_floats_otherwise_is_not_used(monkeypatch):
    orjson = pytest.importorskip("orjson")
    monkeypatch.setattr(orjson, "dumps", lambda *_a: b"[]")
    assert json._fast() is None
