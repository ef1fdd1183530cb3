"""What a line holds, what it never holds, and who wins when names collide."""

import enum
import json
import logging
from typing import Annotated

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.context import Context, Principal, acting, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent, Unrecorded
from aegis_core.local.memory.log import MemorySink
from aegis_core.marks import PHI, Classified, Pseudonym, Purpose, Redaction, guarded, mark, shapes
from aegis_core.marks.names import LEARNED
from aegis_core.marks.redaction import forget_plans
from aegis_core.observability.canary import leaks, refuse_leaks
from aegis_core.observability.encoding import best_encoder, standard_encoder
from aegis_core.observability.exceptions import TEXT_MARKER, describe, fingerprint
from aegis_core.observability.logger import DYNAMIC_EVENT, MOST_EVENTS, Logger

NOW = 1_764_000_000_123_456_789


class StoppedClock:
    def __init__(self, wall=NOW):
        self.wall_ns = lambda: wall
        self.monotonic = lambda: 0.0


@guarded  # so that the names are learned before the first object is seen
@attrs.frozen
class Patient:
    logged_mrn: Annotated[str, PHI.MRN]
    logged_name: Annotated[str, PHI.NAME]
    ward: str


def lines(sink):
    return [json.loads(line) for line in sink.lines]


@pytest.fixture(params=["orjson", "stdlib"])
def encoder(request):
    return best_encoder() if request.param == "orjson" else standard_encoder()


@pytest.fixture
def sink():
    return MemorySink()


@pytest.fixture
def log(sink, encoder):
    return Logger(sink, level="debug", clock=StoppedClock(), encoder=encoder)


def test_a_line_is_json_with_a_stamp_in_utc_and_milliseconds(log, sink):
    log.info("admitted", ward="4B", beds=3)
    assert sink.lines == [
        b'{"timestamp":"2025-11-24T16:00:00.123Z","level":"info","event":"admitted","ward":"4B","beds":3}\n'
    ]


def test_marks_are_honoured_in_objects_loose_names_and_bound_fields(log, sink):
    patient = Patient("HN-1", "Somchai", "4B")
    log.bind(logged_name="Somchai").info("admitted", patient=patient, logged_mrn="HN-1", many=[patient])
    shown = {"logged_mrn": "[phi.mrn]", "logged_name": "[phi.name]", "ward": "4B"}
    line = lines(sink)[0]
    assert line["patient"] == shown
    assert line["many"] == [shown]
    assert line["logged_mrn"] == "[phi.mrn]"
    assert line["logged_name"] == "[phi.name]"
    assert b"Somchai" not in sink.lines[0]


def test_a_pseudonym_stands_where_the_rules_say_so(sink):
    log = Logger(sink, redaction=Redaction({PHI.MRN: Pseudonym("k1", b"k" * 32)}))
    log.info("admitted", patient=Patient("HN-1", "Somchai", "4B"))
    assert lines(sink)[0]["patient"]["logged_mrn"].startswith("pseudo:k1:")


def test_the_call_wins_over_bound_fields_and_those_over_the_context(log, sink):
    with acting(Principal("dr-a", "badge"), purpose=Purpose.TREATMENT, subject="HN-1", tenant="eu"):
        bound = log.bind(tenant="bound", step=1)
        bound.info("one")
        bound.info("two", step=2, purpose="mine")
    first, second = lines(sink)
    assert first["tenant"] == "bound"
    assert first["purpose"] == "TREAT"
    assert first["principal"] == "dr-a"
    assert first["subject"] == "[phi.mrn]"
    assert second["step"] == 2
    assert second["purpose"] == "mine"
    for line in sink.lines:
        keys = [key for key, _ in json.loads(line, object_pairs_hook=list)]
        assert len(keys) == len(set(keys))


def test_reserved_names_get_an_underscore(log, sink):
    log.info("real", event="false", level="loud", timestamp="never", exception="none")
    line = lines(sink)[0]
    assert line["event"] == "real"
    assert line["level"] == "info"
    assert line["event_"] == "false"
    assert line["level_"] == "loud"


def test_a_disabled_level_writes_nothing(sink):
    log = Logger(sink, level="warning")
    log.debug("no")
    log.info("no")
    log.warning("yes")
    log.error("yes")
    assert [line["level"] for line in lines(sink)] == ["warning", "error"]


def test_exceptions_show_types_and_places_but_no_text_locals_or_source(log, sink):
    secret = "Somchai-in-a-local"

    def inner():
        raise ValueError(f"bad value {secret}")

    try:
        try:
            inner()
        except ValueError as error:
            raise AegisError(ErrorCode.UNAVAILABLE, "the lab did not answer", operation="lab.send") from error
    except AegisError:
        log.exception("failed", step=3)
    line = lines(sink)[0]
    described = line["exception"]
    assert line["step"] == 3
    assert described["message"] == "the lab did not answer"
    assert described["code"] == "unavailable"
    assert described["cause"]["type"] == "ValueError"
    assert described["cause"]["message"] == TEXT_MARKER
    assert described["cause"]["frames"][-1].endswith("inner")
    assert secret.encode() not in sink.lines[0]
    assert b"raise" not in sink.lines[0]


def test_exception_takes_the_one_that_is_being_handled(log, sink):
    try:
        raise KeyError("x")
    except KeyError:
        log.exception("failed")
    assert lines(sink)[0]["exception"]["type"] == "KeyError"


def test_a_circle_of_causes_and_a_group_end():
    first, second = ValueError("a"), TypeError("b")
    first.__cause__, second.__cause__ = second, first
    assert describe(first)["cause"]["type"] == "TypeError"
    group = ExceptionGroup("g", [ValueError("a"), ExceptionGroup("h", [KeyError("k")])])
    described = describe(group)
    assert [member["type"] for member in described["members"]] == ["ValueError", "ExceptionGroup"]


def test_the_fingerprint_holds_over_lines_and_differs_over_places():
    def one():
        raise ValueError("a")

    def two():
        raise ValueError("b")

    def caught(call):
        try:
            call()
        except ValueError as error:
            return error

    assert fingerprint(caught(one)) == fingerprint(caught(one))
    assert fingerprint(caught(one)) != fingerprint(caught(two))


def test_too_many_different_events_are_written_as_dynamic(log, sink):
    for number in range(MOST_EVENTS + 5):
        log.info(f"event {number}")  # noqa: G004 - what the test is about
    written = [line["event"] for line in lines(sink)]
    assert written[:MOST_EVENTS] == [f"event {number}" for number in range(MOST_EVENTS)]
    assert written[MOST_EVENTS:] == [DYNAMIC_EVENT] * 5
    log.info("event 3")
    assert lines(sink)[-1]["event"] == "event 3"


def test_an_event_that_is_no_text_is_redacted_and_kept_nowhere(log, sink):
    @attrs.frozen
    class Unguarded:
        logged_mrn: Annotated[str, PHI.MRN]

    @guarded
    class Finding(enum.StrEnum):
        _value_: Annotated[str, PHI.DIAGNOSIS]
        ASTHMA = "J45.9"

    for odd in (Unguarded("HN1"), ValueError("HN1"), ("logged_mrn", "HN1"), b"HN1", Finding.ASTHMA):
        log.info(odd)
    assert not any(value in line for line in sink.lines for value in (b"HN1", b"J45.9"))
    assert [line["event"] for line in lines(sink)][:2] == [{"logged_mrn": "[phi.mrn]"}, "[ValueError]"]
    assert log._lines.events == {}


def test_what_cannot_be_encoded_is_written_without_raising(log, sink):
    deep = current = []
    for _ in range(300):
        current.append([])
        current = current[0]
    log.info("odd", text="a\ud800b", huge=2**80, ratio=float("inf"), deep=deep, keys={1: 2, None: 3})
    line = lines(sink)[0]
    assert line["text"] == "a\\ud800b"
    assert line["huge"] == str(2**80)
    assert line["ratio"] is None


def test_audit_goes_to_the_recorder_and_never_to_the_log(log, sink):
    recorder = Unrecorded()
    event = AuditEvent()
    receipt = log.with_recorder(recorder).audit(event)
    assert receipt.done
    assert receipt.wait().event_id == event.event_id
    assert recorder.count == 1
    assert sink.lines == []


def test_a_sink_that_raises_does_not_reach_the_caller():
    class Broken(MemorySink):
        def write(self, line, /):
            raise OSError

    Logger(Broken()).info("x")
    Logger(Broken()).exception("x", ValueError("y"))


def test_the_canary_sees_a_leak_and_refuses_or_erases():
    careless = Redaction(keep={"canary_name"})
    assert not leaks(Redaction())
    assert leaks(careless)
    with pytest.raises(AegisError) as caught:
        refuse_leaks(careless)
    assert caught.value.code is ErrorCode.INTEGRITY
    safe = refuse_leaks(careless, on_leak="erase")
    assert safe is not careless
    assert not leaks(safe)


@pytest.mark.parametrize("name", ["patient", "nested", "card"])
def test_an_application_may_have_a_marked_field_of_any_name(name):
    """As a foreign key of a Django model: the whole patient is erased then, and none of the fields is looked at."""
    mark(type("Letter", (), {}), **{name: PHI.UNIQUE_ID})
    LEARNED.pop("canary_mrn", None)
    shapes._shapes.clear()
    forget_plans()
    assert not leaks(Redaction())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), VALUES, max_size=5))
def test_any_fields_come_back_as_they_were(fields):
    for encoder in (best_encoder(), standard_encoder()):
        sink = MemorySink()
        Logger(sink, encoder=encoder).info("x", **fields)
        (line,) = sink.lines
        assert line.count(b"\n") == 1
        read = json.loads(line)
        assert {name: read[name] for name in fields} == fields


@given(st.text("ABCDEFGHJKL", min_size=12, max_size=20), st.integers(0, 3))
def test_no_marked_value_survives_any_nesting(secret, depth):
    value = Patient(secret, secret, "w")
    for _ in range(depth):
        value = {"inner": [value, Classified(secret, PHI.NAME)], "logged_mrn": secret}
    sink = MemorySink()
    Logger(sink).bind(outer=value).info("x", value=value, logged_name=secret)
    assert secret.encode() not in sink.lines[0]


def test_bound_loggers_do_not_touch_their_parent(log, sink):
    child = log.bind(a=1)
    child.bind(b=2).info("grandchild")
    child.info("child")
    log.info("parent")
    assert [set(line) - {"timestamp", "level", "event"} for line in lines(sink)] == [{"a", "b"}, {"a"}, set()]


def test_nothing_is_written_to_the_standard_library_s_loggers(log, caplog):
    with caplog.at_level(logging.DEBUG):
        log.info("quiet")
    assert not caplog.records
    with using(Context(request_id="r-1")):
        log.info("still quiet")
    assert not caplog.records
