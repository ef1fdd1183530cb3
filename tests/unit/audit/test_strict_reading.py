"""Strict reading: what hashes cannot show, and that the quick way through shapes lets nothing more pass."""

from pathlib import Path
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit import canonical
from aegis_core.audit.canonical import decode
from aegis_core.audit.entry import check_entry, encode_entry, parse_time
from aegis_core.audit.findings import Findings
from aegis_core.audit.model import FindingKind
from aegis_core.audit.reading import StrictReading
from aegis_core.audit.shape import shape_of
from aegis_core.kernel.errors import AegisError
from tests.unit.audit.tiled import (
    BEGAN_NS,
    BODIES,
    event,
    verify,
    write_log,
)

K = FindingKind


ODD: dict[str, tuple[bytes, FindingKind]] = {
    "not JSON": (b"nothing", K.CANONICAL),
    "a float": (encode_entry(event(5)).replace(b'"number":5', b'"number":5.5'), K.CANONICAL),
    "white space": (b" " + encode_entry(event(5)), K.CANONICAL),
    "a member twice": (encode_entry(event(5)).replace(b'"v":1', b'"v":1,"v":1'), K.CANONICAL),
    "a field twice": (encode_entry(event(5)).replace(b'"ward":"4B"', b'"ward":"4B","ward":"4B"'), K.CANONICAL),
    "fields out of order": (
        encode_entry(event(5)).replace(b'"number":5,"ward":"4B"', b'"ward":"4B","number":5'),
        K.CANONICAL,
    ),
    "a huge integer": (encode_entry(event(5)).replace(b'"number":5', b'"number":9007199254740992'), K.CANONICAL),
    "a newer version": (encode_entry(event(5)).replace(b'"v":1', b'"v":2'), K.CANONICAL),
    "an unknown member": (encode_entry(event(5)).replace(b'"v":1', b'"v":1,"vx":1'), K.CANONICAL),
    "a day that does not exist": (encode_entry(event(5)).replace(b"2026-11-24", b"2026-11-31"), K.CANONICAL),
    "an hour that does not exist": (encode_entry(event(5)).replace(b"T08:", b"T24:"), K.CANONICAL),
    "an hour that does not exist on an earlier day": (
        encode_entry(event(5)).replace(b"2026-11-24T08:", b"2026-11-23T24:"),
        K.CANONICAL,
    ),
    "broken UTF-8 after a text in Thai": (
        encode_entry(event(5, data={"number": 4, "ward": "อายุรกรรม"})).replace(b"\xe0\xb8\xad", b"\xe0\xb8\x2d", 1),
        K.CANONICAL,
    ),
    "broken UTF-8": (encode_entry(event(5)).replace(b"4B", b"4\xff"), K.CANONICAL),
    "an id twice": (encode_entry(event(5, event_id=event(2).event_id)), K.DUPLICATE),
    "an id twice in one bundle": (encode_entry(event(5, event_id=event(4).event_id)), K.DUPLICATE),
    "two days back": (encode_entry(event(5, time_ns=BEGAN_NS - 2 * 86_400 * 10**9)), K.ORDER),
}


@pytest.mark.parametrize("what", ODD)
def test_strict_reading_finds_what_hashes_cannot(tmp_path: Path, what: str) -> None:
    body, kind = ODD[what]
    write_log(tmp_path, [*BODIES[:5], body, *BODIES[6:300]])
    assert verify(tmp_path).intact
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(kind, 5)]


UNUSUAL = [
    event(1, data={"note": "line\nbreak"}),
    event(1, data={"ward": "อายุรกรรม"}),
    event(1, data={"deep": {"er": [{"est": [1, True, None, "x"]}]}}),
    event(1, data={"n": [], "negative": -5, "zero": 0}),
    event(1, who="สมชาย"),
    event(1, who='quo"te'),
    event(1, who=None, verified_by=None, roles=(), purpose=None, subject=None, data={}, sealed={}),
    event(1, tenant="eu", trace_id="00", correlation_id="c", request_id="r", operation="o"),
    event(1, time_ns=BEGAN_NS - 3_600 * 10**9),
]


@pytest.mark.parametrize("at", range(len(UNUSUAL)))
def test_strict_reading_takes_every_honest_entry(tmp_path: Path, at: int) -> None:
    write_log(tmp_path, [encode_entry(event(0)), encode_entry(UNUSUAL[at]), *BODIES[2:10]])
    assert verify(tmp_path, strict=True).findings == ()


@given(st.binary(min_size=1, max_size=3) | st.sampled_from([b"\\n", b'","', b"1.5", b"-0", b"07", b'"b":']), st.data())
def test_what_the_shapes_let_through_the_careful_reading_lets_through(junk: bytes, data: st.DataObject) -> None:
    drawn = data.draw(st.sampled_from([event(1), event(2), *UNUSUAL]))
    body = encode_entry(drawn)
    at = data.draw(st.integers(0, len(body)))
    changed = body[:at] + junk + body[at + data.draw(st.integers(0, 3)) :]
    try:
        parse_time(str(check_entry(decode(changed))["t"]))
        is_entry = True
    except AegisError:
        is_entry = False
    findings = Findings()
    reading = StrictReading(findings)
    # The shape is learnt from another entry first, so that the changed one is held against it.
    reading.entries(0, [encode_entry(attrs.evolve(drawn, event_id=UUID(int=number))) for number in range(3)])
    assert findings.count == 0
    reading.entries(3, [changed])
    assert (K.CANONICAL not in {finding.kind for finding in findings.all()}) is is_entry


def test_many_shapes_are_read_alike(tmp_path: Path) -> None:
    """More actions and more shapes of one action than are learnt."""
    events = [event(n, action=f"action.{n % 300}", data={f"field{n % 17}": n, "text": "ก"}) for n in range(900)]
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert verify(tmp_path, strict=True).findings == ()
    events[700] = attrs.evolve(events[700], event_id=events[699].event_id)
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(K.DUPLICATE, 700)]


def test_an_id_that_comes_again_much_later_is_found_once_for_each_time(tmp_path: Path) -> None:
    events = [event(n) for n in range(600)]
    for at in (300, 301, 599):
        events[at] = attrs.evolve(events[at], event_id=events[5].event_id)
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [
        (K.DUPLICATE, 300),
        (K.DUPLICATE, 301),
        (K.DUPLICATE, 599),
    ]


def test_a_pattern_holds_what_it_was_made_from_and_nothing_looser() -> None:
    body = encode_entry(event(5, data={"list": [], "texts": ["a"], "deep": {"n": -5, "none": None, "yes": True}}))
    shape = shape_of(check_entry(decode(body)))
    assert shape is not None
    assert shape(body) is not None
    for old, new in [
        (b'"n":-5', b'"n":-05'),
        (b'"n":-5', b'"n":5.5'),
        (b'"n":-5', b'"n":-0'),
        (b'"n":-5', b'"n":9007199254740992'),
        (b'"n":-5', b'"n":"5"'),
        (b'"yes":true', b'"yes":truE'),
        (b'"list":[]', b'"list":[1]'),
        (b'["a"]', b'["a",]'),
        (b'["a"]', b'["a",1]'),
        (b'"texts"', b'"textz"'),
        (b'"v":1', b'"v":2'),
        (b'"a"', b'"a\n"'),
        (b'"a"', b'"\\u0041"'),
        (b'"success"', b'"perhaps"'),
    ]:
        assert old in body
        assert shape(body.replace(old, new, 1)) is None
    assert shape_of(check_entry(decode(encode_entry(event(5, data={f"f{n}": n for n in range(999)}))))) is None


def test_strict_reading_works_without_an_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "accelerator", lambda: None)
    write_log(tmp_path, BODIES[:300])
    assert verify(tmp_path, strict=True).intact
    write_log(tmp_path, [*BODIES[:5], ODD["fields out of order"][0], *BODIES[6:300]])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(K.CANONICAL, 5)]
