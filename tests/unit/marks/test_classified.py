"""A Classified value tells nothing."""

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.marks import PHI, PII, Classified, Purpose

CANARIES = st.text(min_size=12, max_size=40).filter(lambda text: text not in "[phi.mrn]")


@given(CANARIES)
@settings(max_examples=50)
def test_no_way_of_writing_it_shows_the_value(value: str) -> None:
    classified = Classified(value, PHI.MRN)
    written = [
        str(classified),
        repr(classified),
        f"{classified}",
        f"{classified!r:>20}",
        "%s" % classified,  # noqa: UP031
        "%r" % (classified,),  # noqa: UP031
        json.dumps({"a": classified}, default=str),
        repr([classified]),
    ]
    assert all("[phi.mrn]" in text for text in written)
    assert not any(value in text for text in written)


def test_json_without_a_default_fails_instead_of_showing_it() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps(Classified("HN-0042", PHI.MRN))
    assert "HN-0042" not in str(caught.value)


def test_a_copy_is_the_same_object() -> None:
    classified = Classified(["HN-0042"], PHI.MRN)
    assert copy.copy(classified) is classified
    assert copy.deepcopy(classified) is classified
    assert copy.deepcopy({"a": [classified]})["a"][0] is classified


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Classified("HN-0042", PHI.MRN), protocol)


def test_it_reveals_for_a_purpose_only() -> None:
    classified = Classified("HN-0042", PHI.MRN)
    assert classified.reveal(Purpose.TREATMENT) == "HN-0042"
    with pytest.raises(TypeError, match="Purpose"):
        classified.reveal("because")  # type: ignore[arg-type]


def test_equal_when_class_and_value_are() -> None:
    assert Classified("a", PHI.NAME) == Classified("a", PHI.NAME)
    assert hash(Classified("a", PHI.NAME)) == hash(Classified("a", PHI.NAME))
    assert Classified("a", PHI.NAME) != Classified("a", PII.NAME)
    assert Classified("a", PHI.NAME) != Classified("b", PHI.NAME)
    assert Classified("a", PHI.NAME) != "a"


def test_it_never_changes() -> None:
    classified = Classified("a", PHI.NAME)
    with pytest.raises(AttributeError):
        classified.data_class = PII.NAME
    with pytest.raises(AttributeError):
        del classified.data_class
    assert not hasattr(classified, "__dict__")


def test_one_wrapped_twice_is_wrapped_once() -> None:
    inner = Classified("a", PHI.NAME)
    assert Classified(inner, PII.NAME).reveal(Purpose.TREATMENT) == "a"
