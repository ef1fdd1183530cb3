import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.canonical import encode_slowly
from aegis_core.audit.draft import Draft
from aegis_core.audit.entry import decode_entry, encode_entry
from aegis_core.audit.plan import plan_of
from aegis_core.audit.port import LARGEST_ENTRY
from aegis_core.audit.spelling import has_loose, spell_draft
from aegis_core.crypto.fields import field_context, open_field
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.kernel.context import Context, Principal
from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI, PUBLIC

KEY = RingKey("s:0123.4567", KeyPurpose.SUBJECT, "active", bytes(range(32)))
OCTETS = SeededEntropy(1).octets


class Kind(StrEnum):
    SCAN = "scan"


@attrs.frozen
class Wide(AuditEvent):
    action: ClassVar[str] = "wide.event"

    zeta: Any = None
    alpha: Any = ""
    plain: Annotated[str, PUBLIC.DATA] = "public"
    name: Annotated[Any, PHI.NAME] = None
    born: Annotated[Any, PHI.BIRTH_DATE] = None


NO_CONTEXT = Context()


def spelled(event: AuditEvent, context: Context = NO_CONTEXT, time_ns: int = 0) -> bytes:
    return spell_draft(Draft(event, context, time_ns, Pending()), plan_of(type(event)), (KEY, ""), OCTETS)


def opened(body: bytes, event: AuditEvent, name: str) -> object:
    stored = decode_entry(body)
    box = stored.sealed[name]
    assert box.key == KEY.id
    return json.loads(open_field(KEY, box.box, context=field_context(event.event_id, name, stored.action)))


def ordered(value: object) -> str:
    return json.dumps(value, sort_keys=True)  # tells 1 from true, which == does not


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
words = st.none() | text
contexts = st.builds(
    Context,
    principal=st.none() | st.builds(Principal, text, text, st.frozensets(text, max_size=3), st.none()),
    purpose=st.none() | st.sampled_from(Purpose),
    tenant=words,
    operation=text,
    request_id=words,
    correlation_id=words,
    trace_id=words,
)


@given(zeta=values, alpha=values, name=values, context=contexts, time_ns=st.integers(0, 2**62))
def test_the_fast_spelling_is_the_canonical_one(zeta, alpha, name, context, time_ns):
    event = Wide(zeta=zeta, alpha=alpha, name=name, outcome="refused")
    body = spelled(event, context, time_ns)
    stored = decode_entry(body)  # refuses any other spelling
    assert encode_entry(stored) == body
    assert encode_slowly(json.loads(body)) == body
    assert stored.event_id == event.event_id
    assert (stored.time_ns, stored.outcome, stored.action) == (time_ns, "refused", "wide.event")
    assert ordered(stored.data["zeta"]) == ordered(zeta)
    assert stored.data["plain"] == "public"
    assert ordered(opened(body, event, "name")) == ordered(name)
    who = context.principal
    assert (stored.who, stored.verified_by) == ((None, None) if who is None else (who.id, who.verified_by))
    assert stored.roles == (() if who is None else tuple(sorted(who.roles)))
    assert stored.tenant == context.tenant
    assert stored.operation == (context.operation or None)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Kind.SCAN, "scan"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 11, 24), "2026-11-24"),
        (datetime(2026, 11, 24, 8, tzinfo=UTC), "2026-11-24T08:00:00+00:00"),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, "x"), [1, "x"]),
        ({"when": date(2026, 1, 1)}, {"when": "2026-01-01"}),
    ],
)
def test_values_with_one_obvious_spelling_are_taken(value, told):
    event = Wide(alpha=value, born=value)
    body = spelled(event)
    assert decode_entry(body).data["alpha"] == told
    assert opened(body, event, "born") == told


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, b"bytes", object(), {1: 2}, {"ก": 1}, "\ud800", ["\udfff"]]
)
def test_what_canonical_json_does_not_have_is_refused_by_field_and_not_by_value(value):
    for event in (Wide(alpha=value), Wide(name=value)):
        with pytest.raises(AegisError) as caught:
            spelled(event)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_an_entry_is_at_most_sixty_thousand_bytes():
    room = LARGEST_ENTRY - len(spelled(Wide(alpha="")))
    assert len(spelled(Wide(alpha="x" * room))) == LARGEST_ENTRY
    with pytest.raises(AegisError, match="store the body and record its digest"):
        spelled(Wide(alpha="x" * (room + 1)))


def test_a_sealed_field_opens_in_no_other_event_and_under_no_other_name():
    event = Wide(name="Somchai", born="1970")
    stored = decode_entry(spelled(event))
    for event_id, name, action in (
        (UUID(int=1), "name", "wide.event"),
        (event.event_id, "born", "wide.event"),
        (event.event_id, "name", "other.event"),
    ):
        with pytest.raises(AegisError) as caught:
            open_field(KEY, stored.sealed["name"].box, context=field_context(event_id, name, action))
        assert caught.value.code is ErrorCode.INTEGRITY


def test_one_value_is_never_sealed_alike_twice():
    event = Wide(name="Somchai")
    boxes = {decode_entry(spelled(event)).sealed["name"].box for _ in range(20)}
    assert len(boxes) == 20


def test_a_loose_classified_value_is_seen():
    @attrs.frozen
    class Bare(AuditEvent):
        action: ClassVar[str] = "bare"

    assert not has_loose(plan_of(Bare), Bare())
    assert not has_loose(plan_of(Wide), Wide())
    assert has_loose(plan_of(Wide), Wide(alpha=Classified("x", PHI.NOTE)))


def test_annotations_that_cannot_be_resolved_seal_every_field():
    @attrs.frozen
    class Broken(AuditEvent):
        action: ClassVar[str] = "broken"
        name: "Annotated[str, NoSuchThing.NAME]" = "Somchai"  # noqa: F821
        ward: str = "4B, by the window"

    body = spelled(Broken())
    assert b"Somchai" not in body
    assert b"by the window" not in body
