"""Entries: version 1 round-trips, and nothing else is read as version 1."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.canonical import decode, encode
from aegis_core.audit.entry import decode_entry, encode_entry, parse_time, spell_time
from aegis_core.audit.model import SealedValue, StoredEvent, SubjectSeal
from aegis_core.kernel.errors import AegisError

EVENT = StoredEvent(
    event_id=UUID("01900000-0000-7000-8000-000000000001"),
    time_ns=1_795_508_043_000_000_001,
    action="report.filed",
    who="dr-somchai",
    verified_by="oidc",
    roles=("clinician",),
    purpose="TREAT",
    tenant="eu",
    operation="storage.upload",
    request_id="r-1",
    correlation_id="c-1",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    subject=SubjectSeal("00ff", "subject/1", "AAAA"),
    data={"size": 12, "kinds": ["pdf"], "weight": "12.50"},
    sealed={"name": SealedValue("phi.name", "subject/1", "BBBB")},
)

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
ascii_name = st.text("abcdefgh_", min_size=1, max_size=8)
events = st.builds(
    StoredEvent,
    event_id=st.uuids(),
    time_ns=st.integers(0, 4_000_000_000_000_000_000),
    action=text.filter(bool),
    outcome=st.sampled_from(["success", "refused", "failed"]),
    who=st.none() | text,
    verified_by=st.none() | text,
    roles=st.lists(text, max_size=3).map(tuple),
    purpose=st.none() | text,
    tenant=st.none() | text,
    operation=st.none() | text,
    request_id=st.none() | text,
    correlation_id=st.none() | text,
    trace_id=st.none() | text,
    subject=st.none() | st.builds(SubjectSeal, text, text, text),
    data=st.dictionaries(ascii_name, st.none() | st.booleans() | st.integers(-99, 99) | text, max_size=3),
    sealed=st.dictionaries(ascii_name, st.builds(SealedValue, text, text, text), max_size=3),
    index=st.none(),
)


@given(events)
def test_every_event_comes_back_as_it_was(event: StoredEvent) -> None:
    assert decode_entry(encode_entry(event)) == event


def test_the_bytes_of_version_1_never_change() -> None:
    assert encode_entry(EVENT) == (
        b'{"action":"report.filed","correlation":"c-1","data":{"kinds":["pdf"],"size":12,"weight":"12.50"},'
        b'"id":"01900000-0000-7000-8000-000000000001","op":"storage.upload","outcome":"success","purpose":"TREAT",'
        b'"request":"r-1","roles":["clinician"],"sealed":{"name":{"box":"BBBB","class":"phi.name","key":"subject/1"}},'
        b'"subject":{"key":"subject/1","sealed":"AAAA","token":"00ff"},"t":"2026-11-24T08:14:03.000000001Z",'
        b'"tenant":"eu","trace":"0af7651916cd43dd8448eb211c80319c","v":1,"verified_by":"oidc","who":"dr-somchai"}'
    )


def test_sealed_boxes_do_not_show_in_repr() -> None:
    assert "AAAA" not in repr(EVENT)
    assert "BBBB" not in repr(EVENT)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", "1"),
        ("id", "not-a-uuid"),
        ("id", "01900000-0000-7000-8000-00000000000A"),
        ("t", "2026-11-24T08:14:03Z"),
        ("t", "2026-11-24T08:14:03.000000001+07:00"),
        ("t", 5),
        ("outcome", "perhaps"),
        ("action", ""),
        ("action", None),
        ("who", None),
        ("who", 7),
        ("roles", []),
        ("roles", [1]),
        ("roles", "clinician"),
        ("subject", {"token": "00"}),
        ("subject", {"token": "00", "key": "k", "sealed": 1}),
        ("data", {}),
        ("data", []),
        ("sealed", {"name": {"class": "phi.name"}}),
        ("sealed", {}),
        ("extra", 1),
    ],
)
def test_what_is_not_version_1_is_refused(member: str, value: object) -> None:
    members = decode(encode_entry(EVENT))
    assert isinstance(members, dict)
    with pytest.raises(AegisError):
        decode_entry(encode(members | {member: value}))


@pytest.mark.parametrize("member", ["v", "id", "t", "action", "outcome"])
def test_a_required_member_is_required(member: str) -> None:
    members = decode(encode_entry(EVENT))
    assert isinstance(members, dict)
    with pytest.raises(AegisError, match=member):
        decode_entry(encode({name: value for name, value in members.items() if name != member}))


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_times_sort_as_text_and_agree_with_datetime(time_ns: int) -> None:
    spelled = spell_time(time_ns)
    assert len(spelled) == 30
    assert parse_time(spelled) == time_ns
    assert spelled[:26] == datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + spelled[20:26]
    assert spell_time(time_ns + 1) > spelled


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AegisError):
        parse_time("2026-02-30T08:14:03.000000001Z")
