"""What a sink writes tells nothing of a marked value, in whatever it lies."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import json
import pathlib
import uuid

import attrs
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.marks import PHI, PII, SECRET, Classified, Mrn, PatientName, Redaction, mark, marks_of, redact_event

CANARY = "Somchai-0042-canary"


@attrs.define
class Patient:
    mrn: Mrn
    name: PatientName
    ward: object


@dataclasses.dataclass
class Visit:
    patient: Patient
    complaint: PHI.NOTE.__class__ = None  # type: ignore[valid-type]


class Colour(enum.Enum):
    RED = "red"


class Column(enum.Enum):
    MRN = "mrn"


marks_of(Patient)


def event(**fields):
    return redact_event(None, "info", {"event": "admitted", **fields})


def test_marked_fields_and_loose_values_of_their_names_are_erased():
    assert event(patient=Patient("HN-00042", "Somchai", "4B"), mrn="HN-00042", ward="4B") == {
        "event": "admitted",
        "patient": {"mrn": "[phi.mrn]", "name": "[phi.name]", "ward": "4B"},
        "mrn": "[phi.mrn]",
        "ward": "4B",
    }


def test_pairs_of_a_learned_name_and_a_value_are_known():
    assert event(headers=[("X", "1"), ("MRN", CANARY), (b"mrn", CANARY)])["headers"] == [
        ["X", "1"],
        ["MRN", "[phi.mrn]"],
        ["[3 bytes]", "[phi.mrn]"],
    ]
    assert CANARY not in str(event(headers={b"mrn": CANARY}))
    assert CANARY not in str(event(headers=[(type("Header", (str,), {})("mrn"), CANARY), (Column.MRN, CANARY)]))


@pytest.mark.parametrize("name", ["mrn", "MRN", "Mrn", "name", "Name"])
def test_a_learned_name_is_known_in_every_spelling_and_depth(name):
    assert CANARY not in json.dumps(event(a={"b": [{"c": ({name: CANARY},)}]}))


def test_the_four_words_of_a_log_line_are_exempt_at_the_top_only():
    class Schedule:
        pass

    mark(Schedule, timestamp=PHI.DATE, level=PHI.NOTE, logger=PHI.NOTE, event=PHI.NOTE)
    line = {"event": "e", "level": "info", "timestamp": "t", "logger": "l"}
    assert redact_event(None, "info", dict(line)) == line
    assert event(inner=dict(line))["inner"] == {
        "event": "[phi.note]", "level": "[phi.note]", "timestamp": "[phi.date]", "logger": "[phi.note]",
    }  # fmt: skip


def test_kept_names_are_shown():
    keep = Redaction(keep=["name"])
    assert keep.event(None, "", {"event": "e", "name": "lab", "mrn": "x"}) == {
        "event": "e",
        "name": "lab",
        "mrn": "[phi.mrn]",
    }
    assert keep.value(None, Patient("a", "b", "c"))["name"] == "[phi.name]"  # a marked field stays marked
    assert keep.fields({"name": "lab"}) == {"name": "lab"}


def test_a_name_with_two_classes_is_erased_whatever_the_rules_say():
    class One:
        pass

    class Two:
        pass

    mark(One, badge=PII.IDENTIFIER)
    mark(Two, badge=SECRET.TOKEN)
    assert Redaction({PII.IDENTIFIER: lambda v, c: str(v)}).value("badge", CANARY) == "[unknown.ambiguous]"


def test_what_nobody_described_is_erased():
    class Connection:
        def __repr__(self):
            return CANARY

        __str__ = __repr__

    written = event(a=Connection(), b=ValueError(CANARY), c=CANARY.encode(), d=(CANARY for _ in "a"), e=range(3))
    assert CANARY not in repr(written)
    assert written["a"].endswith("Connection]")
    assert written["b"] == "[ValueError]"
    assert written["c"] == "[19 bytes]"


def test_plain_values_stay_what_they_are():
    values = [1, 1.5, True, None, "x", uuid.UUID(int=1), decimal.Decimal("1.5"), dt.date(2026, 1, 1)]
    assert event(values=values)["values"] == values
    assert event(path=pathlib.Path("/tmp/x"), colour=Colour.RED, kind=Patient) == {
        "event": "admitted", "path": "/tmp/x", "colour": "red", "kind": f"{__name__}.Patient",
    }  # fmt: skip


def test_a_subclass_of_text_cannot_hide_what_it_writes():
    class Sly(str):
        __slots__ = ()

        def __str__(self):
            return CANARY

        __repr__ = __str__

    assert event(a=Sly("shown")) == {"event": "admitted", "a": "shown"}
    assert type(event(a=Sly("shown"))["a"]) is str


def test_an_object_whose_repr_raises_is_erased():
    class Broken:
        def __repr__(self):
            raise RuntimeError(CANARY)

        @property
        def __dict__(self):
            raise RuntimeError(CANARY)

    assert event(a=Broken())["a"].endswith("Broken]")


def test_a_marked_object_that_raises_when_read_is_erased():
    class Hostile:
        mrn: Mrn

        @property
        def __dict__(self):
            raise RuntimeError(CANARY)

    assert event(a=Hostile())["a"] in ("[unknown.unresolved]", {})


def test_a_mapping_that_raises_is_erased_and_harms_nothing_else():
    class Torn(dict):
        def items(self):
            raise RuntimeError(CANARY)

    assert event(a=Torn(x=1), b=1) == {"event": "admitted", "a": "[unknown.unresolved]", "b": 1}


def test_a_redactor_that_raises_or_gives_no_text_erases():
    def raises(value, data_class):
        raise RuntimeError(value)

    for redactor in (raises, lambda value, data_class: [value]):
        redaction = Redaction({PHI.MRN: redactor})
        assert redaction.value(None, Patient(CANARY, "n", "w")) == {
            "mrn": "[phi.mrn]",
            "name": "[phi.name]",
            "ward": "w",
        }
        assert redaction.value("mrn", CANARY) == "[phi.mrn]"


def test_circles_depth_and_size_end():
    circle: list[object] = []
    circle.append(circle)
    patient = Patient("a", "b", None)
    patient.ward = {"patients": [patient]}
    deep: object = CANARY
    for _ in range(100):
        deep = [deep]
    wide = [[0] * 100 for _ in range(1000)]
    written = event(a=circle, b=patient, c=deep, d=wide)
    assert written["a"] == ["[cycle]"]
    assert written["b"]["ward"] == {"patients": ["[cycle]"]}
    assert "[depth]" in str(written["c"])
    assert CANARY not in str(written["c"])
    assert sum(len(row) for row in written["d"] if row != "[size]") < 10_000
    assert "[size]" in written["d"]


@pytest.mark.parametrize("wide", [[0] * 10_001, {str(number): 0 for number in range(10_001)}, set(range(10_001))])
def test_what_is_too_large_at_the_top_is_no_more_shown_than_further_down(wide):
    assert event(a=wide, b=[wide]) == event(a="[size]", b=["[size]"])


def test_containers_that_hold_more_than_they_say_end():
    class Rows(collections.abc.Sequence):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return index

    class Columns(collections.UserDict):
        def items(self):
            return zip(itertools.count(), itertools.count(), strict=True)

    class Names(dict):
        def items(self):
            return zip(itertools.count(), itertools.count(), strict=True)

    assert [len(each) for each in event(a=Rows(), b=Columns(), c=Names()).values()][1:] == [10_000] * 3


def test_many_ways_to_the_same_objects_end_soon():
    doctors = [{"patients": []} for _ in range(12)]
    patients = [{"doctors": doctors} for _ in range(12)]
    for doctor in doctors:
        doctor["patients"] = patients
    assert len(json.dumps(event(a=patients))) < 2_000_000


def test_the_same_object_twice_is_no_circle():
    patient = Patient("a", "b", "4B")
    written = event(a=[patient, patient])["a"]
    assert written[0] == written[1] == {"mrn": "[phi.mrn]", "name": "[phi.name]", "ward": "4B"}


def test_nothing_given_is_changed():
    given_ = {"a": [{"mrn": CANARY}]}
    event(given=given_)
    assert given_ == {"a": [{"mrn": CANARY}]}


def test_classified_values_show_their_marker_wherever_they_lie():
    assert event(a=Classified(CANARY, PHI.NOTE), b=[{Classified(CANARY, PHI.NOTE): 1}]) == {
        "event": "admitted",
        "a": "[phi.note]",
        "b": [{"[phi.note]": 1}],
    }


def test_named_tuples_without_annotations_are_read_by_name():
    pair = collections.namedtuple("pair", "mrn ward")  # noqa: PYI024 - the kind without annotations
    assert event(a=pair(CANARY, "4B"))["a"] == {"mrn": "[phi.mrn]", "ward": "4B"}


def test_of_an_exception_types_and_places_are_written():
    def fails():
        secret_local = CANARY  # noqa: F841 - a local that must not show
        try:
            raise KeyError(CANARY)
        except KeyError as problem:
            raise ValueError(CANARY) from problem

    try:
        fails()
    except ValueError as problem:
        for exc_info in (True, problem, (type(problem), problem, problem.__traceback__)):
            written = event(exc_info=exc_info)
            assert "exc_info" not in written
            assert CANARY not in written["exception"]
            assert "KeyError" in written["exception"]
            assert written["exception"].endswith("ValueError")
            assert "in fails" in written["exception"]
    assert event(exc_info=None) == {"event": "admitted"}


def test_the_text_of_an_exception_rendered_before_is_erased():
    assert event(exception=f"ValueError: {CANARY}")["exception"] == "[unknown.exception]"


def test_groups_and_circles_of_exceptions_end():
    from aegis_core.marks import describe

    first, second = ValueError(CANARY), KeyError(CANARY)
    first.__context__, second.__context__ = second, first
    text = describe(ExceptionGroup(CANARY, [first, second]))
    assert CANARY not in text
    assert "ValueError" in text
    assert "KeyError" in text
    last = ValueError()
    for _ in range(200):
        error = KeyError()
        error.__cause__ = last
        last = error  # type: ignore[assignment]
    assert describe(last).count("KeyError") < 20


def test_it_works_inside_structlog():
    lines: list[str] = []

    class Printer:
        def msg(self, line):
            lines.append(line)

        info = msg

    log = structlog.wrap_logger(Printer(), processors=[redact_event, structlog.processors.JSONRenderer()])
    log.info("admitted", patient=Patient("HN-00042", "Somchai", "4B"), mrn="HN-00042")
    assert json.loads(lines[0]) == {
        "patient": {"mrn": "[phi.mrn]", "name": "[phi.name]", "ward": "4B"},
        "mrn": "[phi.mrn]",
        "event": "admitted",
    }


def leaf():
    return st.one_of(
        st.builds(lambda: Classified(CANARY, PHI.NOTE)),
        st.builds(lambda: Patient(CANARY, CANARY, "4B")),
        st.builds(lambda: {"mrn": CANARY}),
        st.builds(lambda: {"patient-name": {"name": [CANARY]}}),
        st.builds(lambda: ValueError(CANARY)),
        st.builds(lambda: {"resourceType": "Patient", "name": [{"family": CANARY}], "x": CANARY}),
        st.builds(lambda: {"resourceType": "Anything", "status": CANARY, CANARY: 1}),
        st.text(max_size=5),
        st.integers(),
    )


def branch(children):
    return st.one_of(
        st.lists(children, max_size=3),
        st.tuples(children, children),
        st.dictionaries(st.text(max_size=4), children, max_size=3),
        st.builds(lambda child: Patient("a", "b", child), children),
        st.builds(collections.deque, st.lists(children, max_size=2)),
        st.builds(lambda child: {"resourceType": "Bundle", "entry": [{"resource": child}], "link": child}, children),
    )


@given(st.recursive(leaf(), branch, max_leaves=12))
@settings(max_examples=50)
def test_no_marked_value_survives_in_any_nesting(value):
    for redaction in (Redaction(), Redaction({PHI.NAME: lambda v, c: 1 / 0, PHI.MRN: lambda v, c: c.marker})):
        written = redaction.event(None, "info", {"event": "e", "value": value, "name": value})
        assert CANARY not in repr(written)
        assert CANARY not in json.dumps(written)
        assert CANARY not in repr(redaction.fields({"value": value}))
        assert CANARY not in repr(redaction.value("value", value))


@pytest.mark.parametrize(
    ("message", "args", "told"),
    [
        ("mrn=%s to %s", (CANARY, "4B"), "mrn=[phi.mrn] to 4B"),
        (
            "%s to bed %d",
            (Patient("HN1", CANARY, "4B"), 7),
            "{'mrn': '[phi.mrn]', 'name': '[phi.name]', 'ward': '4B'} to bed 7",
        ),
        ("mrn=%d", (42,), "mrn=[phi.mrn]"),
        ("%(mrn)s to %(ward)s", ({"mrn": CANARY, "ward": "4B"},), "[phi.mrn] to 4B"),
        ("mrn=%s", (CANARY, CANARY), "mrn=%s ('[text]', '[text]')"),
    ],
)
def test_structlogs_positional_arguments_are_redacted_and_can_be_put_in_afterwards(message, args, told):
    put_in = structlog.stdlib.PositionalArgumentsFormatter()
    given = {"event": message, "positional_args": args}
    assert put_in(None, "info", redact_event(None, "info", given))["event"] == told
    assert event(positional_args=args, event=None)["positional_args"] == [
        Redaction().value(None, each) for each in args
    ]


def test_an_exception_that_is_an_attrs_class_or_a_dataclass_tells_no_more_than_any_other():
    @attrs.define(auto_exc=True)
    class Refused(Exception):
        who: str

    @dataclasses.dataclass
    class Lost(Exception):
        who: str

    @attrs.define(auto_exc=True)
    class Known(Exception):
        mrn: Mrn
        code: int

    assert event(error=Refused(CANARY), cause=Lost(CANARY), known=Known(CANARY, 7)) == {
        "event": "admitted",
        "error": f"[{Refused.__qualname__}]",
        "cause": f"[{Lost.__qualname__}]",
        "known": {"mrn": "[phi.mrn]", "code": 7},
    }
