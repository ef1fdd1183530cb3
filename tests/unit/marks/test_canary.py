"""A value is found however it was encoded on the way."""

import base64
import html
import json
import quopri
import unicodedata
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.marks import Canary, encodings

VALUES = ["Somchai Jaidee", "สมชาย ใจดี", "Ðuro Müller-Łoś", "HN-0042/17", "O'Brien <x>&"]

WRITERS = {
    "raw": lambda value: value.encode(),
    "upper": lambda value: value.upper().encode(),
    "lower": lambda value: value.lower().encode(),
    "decomposed": lambda value: unicodedata.normalize("NFD", value).encode(),
    "json": lambda value: json.dumps({"a": value}).encode(),
    "json without escapes": lambda value: json.dumps({"a": value}, ensure_ascii=False).encode(),
    "json in upper case": lambda value: json.dumps({"a": value}).upper().encode(),
    "url": lambda value: urllib.parse.quote(value, safe="").encode(),
    "url path": lambda value: urllib.parse.quote(value).lower().encode(),
    "form": lambda value: urllib.parse.urlencode({"q": value}).encode(),
    "html": lambda value: html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;").encode(),
    "utf-16": lambda value: value.encode("utf-16"),
    "repr of bytes": lambda value: repr(value.encode()).encode(),
    "ascii": lambda value: ascii(value).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "quoted-printable": lambda value: quopri.encodestring((value * 9).encode()),
    "base64 mail": lambda value: base64.encodebytes((f"{'x' * 55}{value}" * 3).encode()),
    **{
        f"base64 after {before} bytes": lambda value, before=before: base64.b64encode(
            b"x" * before + value.encode() + b"tail"
        )
        for before in range(4)
    },
    "base64url": lambda value: base64.urlsafe_b64encode(b"??>" + value.encode()),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("writer", WRITERS)
def test_it_is_found(writer, value):
    assert Canary([value]).find(b"before " + WRITERS[writer](value) + b" after"), writer


@given(st.text(min_size=4, max_size=30).filter(str.strip), st.binary(max_size=7), st.binary(max_size=7))
@settings(max_examples=50)
def test_base64_hides_nothing_whatever_stands_around_it(value, before, after):
    octets = value.encode("utf-8", "surrogatepass")
    assert Canary([value]).find(base64.b64encode(before + octets + after))


@pytest.mark.parametrize("value", VALUES)
def test_it_is_not_found_where_it_is_not(value):
    others = " ".join(other for other in VALUES if other != value)
    written = b"".join(writer(others) for writer in WRITERS.values())
    assert Canary([value]).find(written) == []


def test_a_sighting_names_the_value_by_its_position_only():
    canary = Canary(["", "Somchai", "Jaidee"])
    [sighting] = canary.find(b"x jaidee")
    assert (sighting.value, canary.values[sighting.value], sighting.offset) == (1, "Jaidee", 2)
    assert "aidee" not in repr(sighting)
    assert "aidee" not in repr(canary)


def test_no_pattern_comes_twice():
    for value in VALUES:
        patterns = [(pattern, is_exact) for _, pattern, is_exact in encodings(value)]
        assert len(patterns) == len(set(patterns))
