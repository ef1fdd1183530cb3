"""A scrubbed exception has types and places, and nothing that was in it."""

import asyncio
import gc
import itertools
import os
import pickle
import traceback
import weakref

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core import AegisError, ErrorCode
from aegis_core.marks import describe, scrub

CANARY = "Somchai-0042-canary"


class LabError(RuntimeError):
    def __init__(self, text: str, payload: object) -> None:
        super().__init__(text, payload)
        self.payload = payload

    def __str__(self) -> str:
        return f"the lab refused {self.payload}"


def fail() -> None:
    secret = CANARY
    try:
        raise KeyError(secret)
    except KeyError as missing:
        error = LabError("no", {"name": secret})
        error.add_note(secret)
        raise error from missing


def caught(call=fail) -> BaseException:
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError


def everything(exc: BaseException) -> str:
    told = traceback.TracebackException.from_exception(exc, capture_locals=True)
    shown = ["".join(told.format()), repr(exc), repr(vars(exc)), repr(exc.args), repr(getattr(exc, "__notes__", ""))]
    return "\n".join(shown)


def test_text_attributes_notes_causes_and_locals_are_gone_and_places_stay():
    error = caught()
    assert everything(error).count(CANARY) >= 4
    clean = scrub(error)
    shown = everything(clean)
    assert CANARY not in shown
    assert "tests.unit.marks.test_scrubbing.LabError [withheld]" in shown
    assert "KeyError" in shown
    line = fail.__code__.co_firstlineno + 7
    assert f'File "{__file__}", line {line}, in fail' in shown
    assert isinstance(clean, RuntimeError)


def test_nothing_that_hangs_on_the_stand_in_keeps_the_value_alive():
    class Payload:
        pass

    kept: list[weakref.ref[Payload]] = []

    def raises() -> None:
        payload = Payload()
        kept.append(weakref.ref(payload))
        raise LabError("no", payload)

    clean = scrub(caught(raises))
    gc.collect()
    assert [alive() for alive in kept] == [None]
    assert clean.__traceback__ is not None


def test_groups_are_scrubbed_member_by_member():
    clean = scrub(ExceptionGroup(CANARY, [ValueError(CANARY), ExceptionGroup(CANARY, [caught()])]))
    assert CANARY not in everything(clean)
    assert isinstance(clean, ExceptionGroup)
    assert clean.subgroup(RuntimeError) is not None
    assert isinstance(scrub(BaseExceptionGroup(CANARY, [KeyboardInterrupt(CANARY)])), BaseExceptionGroup)


def test_a_group_that_lies_about_its_members_is_scrubbed():
    class Lying(ExceptionGroup[ValueError]):
        exceptions = property(lambda _self: 1 / 0)  # type: ignore[assignment]

    assert CANARY not in everything(scrub(Lying(CANARY, [ValueError(CANARY)])))
    assert "ValueError" in describe(Lying(CANARY, [ValueError(CANARY)]))


def test_the_stand_in_is_caught_where_the_error_would_be():
    class Model(pydantic.BaseModel):
        bed: int

    for call, kind in (
        (lambda: Model(bed=CANARY), ValueError),
        (lambda: bytes([200]).decode(), UnicodeError),
        (lambda: os.stat(f"/{CANARY}"), FileNotFoundError),
        (lambda: setattr(attrs.make_class("F", ["x"], frozen=True)(1), "x", CANARY), AttributeError),
    ):
        clean = scrub(caught(call))
        assert isinstance(clean, kind)
        assert CANARY not in everything(clean)


def test_what_stands_for_a_stand_in_says_the_same():
    once = scrub(caught(lambda: pydantic.TypeAdapter(int).validate_python(CANARY)))
    twice = scrub(once)
    assert "ValidationError [withheld]" in str(once)
    assert (type(twice), str(twice)) == (ValueError, str(once))


def test_an_error_of_ours_comes_back_itself_without_what_hung_on_it():
    def raises() -> None:
        secret = CANARY
        try:
            fail()
        except LabError as cause:
            error = AegisError(ErrorCode.UNAVAILABLE, "the lab does not answer: try again", operation="lab.order")
            error.add_note(secret)
            raise error from cause

    error = caught(raises)
    clean = scrub(error)
    assert clean is error
    assert "the lab does not answer: try again" in str(clean)
    assert CANARY not in everything(clean)


def test_what_ends_a_program_or_a_task_stays_what_it_is():
    cancelled = asyncio.CancelledError(CANARY)
    assert scrub(cancelled) is cancelled
    assert cancelled.args == ()
    with pytest.raises(SystemExit) as left:
        raise scrub(SystemExit(CANARY))
    assert left.value.code == 1
    assert scrub(SystemExit(3)).code == 3  # type: ignore[attr-defined]


def test_circles_and_endless_chains_end():
    first, second = ValueError(CANARY), TypeError(CANARY)
    first.__context__, second.__context__ = second, first
    assert CANARY not in everything(scrub(first))
    last: BaseException = ValueError(CANARY)
    for _ in range(5_000):
        following = ValueError(CANARY)
        following.__context__ = last
        last = following
    assert CANARY not in everything(scrub(last))
    wide = scrub(ExceptionGroup("", [ValueError(CANARY) for _ in range(2_000)]))
    assert CANARY not in everything(wide)


def test_a_group_of_very_many_is_told_by_its_first():
    wide = ExceptionGroup(CANARY, [ValueError(CANARY) for _ in range(10_000)])
    assert len(scrub(wide).exceptions) < 1_000
    assert len(describe(wide)) < 10_000


def test_a_scrubbed_error_can_be_pickled():
    assert str(pickle.loads(pickle.dumps(scrub(caught())))).endswith("LabError [withheld]")


trees = st.recursive(
    st.builds(lambda kind, text: kind(text), st.sampled_from([ValueError, KeyError, OSError]), st.just(CANARY)),
    lambda inner: st.builds(lambda members: ExceptionGroup(CANARY, members), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


@given(st.lists(trees, min_size=1, max_size=5), st.booleans())
def test_no_tree_of_exceptions_shows_anything(chain, suppressed):
    for one, before in itertools.pairwise(chain):
        one.add_note(CANARY)
        one.__context__ = before
        one.__suppress_context__ = suppressed
    clean = scrub(chain[0])
    assert CANARY not in everything(clean)
    assert clean.__suppress_context__ is chain[0].__suppress_context__


def test_pages_that_look_an_instruction_up_find_one_without_a_place_of_its_own():
    trace = scrub(caught(fail)).__traceback__
    while trace is not None:
        positions = list(trace.tb_frame.f_code.co_positions())
        assert trace.tb_lasti >= 0
        assert len(positions) == len(trace.tb_frame.f_code.co_code) // 2
        assert set(positions) == {(None, None, None, None)}
        trace = trace.tb_next
    assert "^" not in "".join(traceback.format_exception(scrub(caught(fail))))


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__context__", "__traceback__"])
def test_what_cannot_be_read_is_withheld_and_harms_nothing_around_it(name):
    def hidden(self):
        raise RuntimeError(CANARY)

    kind = type("Hiding", (ValueError,), {name: property(hidden)})
    error = RuntimeError(CANARY)
    error.__cause__ = kind(CANARY)
    clean = scrub(error)
    assert repr(clean) == "RuntimeError('[withheld]')"
    assert repr(clean.__cause__) == "Exception('[withheld]')"
    assert CANARY not in describe(error) + describe(kind(CANARY))
    assert describe(error)
