"""What may be shown in the place of a value."""

import datetime as dt
import hashlib
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.marks import PHI, PII, Classified, Pseudonym, Redaction, Year, erase, mask, year, zip3

KEY = bytes(range(32))
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(), st.datetimes(),
    st.uuids(),
    st.lists(st.text()), st.builds(object), st.text(alphabet="\ud800\udfffa"),
)  # fmt: skip


@given(ANYTHING)
@settings(max_examples=50)
def test_no_redactor_raises_and_all_give_text(value):
    for redactor in (erase, mask, Pseudonym("k1", KEY), year, Year(not_before=1937), zip3):
        assert type(redactor(value, PHI.MRN)) is str


def test_a_pseudonym_is_keyed_blake2b_over_class_and_value():
    expected = hashlib.blake2b(b"phi.mrn\0HN-00042", digest_size=16, key=KEY).hexdigest()
    assert Pseudonym("k1", KEY)("HN-00042", PHI.MRN) == f"pseudo:k1:{expected}"


@given(st.text(), st.text())
@settings(max_examples=50)
def test_a_pseudonym_is_the_same_for_the_same_value_class_and_key_only(one, other):
    pseudonym = Pseudonym("k1", KEY)
    assert (pseudonym(one, PHI.MRN) == pseudonym(other, PHI.MRN)) == (one == other)
    assert pseudonym(one, PHI.MRN) != pseudonym(one, PHI.NAME)
    assert pseudonym(one, PHI.MRN) != Pseudonym("k1", KEY[::-1])(one, PHI.MRN)
    assert Pseudonym("k1", KEY)(one, PHI.MRN) == pseudonym(one, PHI.MRN)


def test_a_pseudonym_shows_its_key_id_and_never_its_key():
    pseudonym = Pseudonym("k1", KEY)
    pseudonym("HN-00042", PHI.MRN)
    assert repr(pseudonym) == "Pseudonym('k1')"


@pytest.mark.parametrize("key_id", ["", "a b", "a:b", "x" * 65, "ก"])
def test_a_key_id_that_could_not_be_told_from_the_rest_is_refused(key_id):
    with pytest.raises(ValueError, match="key id"):
        Pseudonym(key_id, KEY)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_key_that_is_too_short_or_too_long_is_refused(size):
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        Pseudonym("k1", bytes(size))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (dt.date(1984, 2, 29), "1984"),
        (dt.datetime(1984, 2, 29, 8, 30, tzinfo=dt.UTC), "1984"),
        ("1984-02-29", "1984"),
        ("1984", "1984"),
        ("1984-02", "1984"),
        ("29.02.1984", "[phi.birth_date]"),
        ("19840229", "[phi.birth_date]"),
        ("born 1984", "[phi.birth_date]"),
        (1984, "[phi.birth_date]"),
        ("", "[phi.birth_date]"),
    ],
)
def test_of_a_date_the_year_is_shown_and_of_anything_else_nothing(value, shown):
    assert year(value, PHI.BIRTH_DATE) == shown


def test_years_that_tell_an_age_over_89_can_be_erased():
    redactor = Year(not_before=1937)
    assert redactor("1936-12-31", PHI.BIRTH_DATE) == "[phi.birth_date]"
    assert redactor("1937-01-01", PHI.BIRTH_DATE) == "1937"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("90210", "902"),
        ("90210-1234", "902"),
        ("902101234", "902"),
        (90210, "902"),
        (3601, "000"),
        ("03601", "000"),
        ("89301", "000"),
        ("10110", "101"),
        ("9021", "[phi.zip]"),
        ("SW1A 1AA", "[phi.zip]"),
        ("90210 Beverly Hills", "[phi.zip]"),
        ("９０２１０", "[phi.zip]"),
        (True, "[phi.zip]"),
        (None, "[phi.zip]"),
    ],
)
def test_of_a_zip_code_three_digits_are_shown_and_none_where_few_people_live(value, shown):
    assert zip3(value, PHI.ZIP) == shown


def test_a_mask_shows_the_end_of_long_values_and_never_more_than_a_third():
    assert mask("4111111111111111", PHI.ACCOUNT) == "****1111"
    assert mask(4111111111111111, PHI.ACCOUNT) == "****1111"
    assert mask("HN-00042", PHI.ACCOUNT) == "****"
    assert mask("", PHI.ACCOUNT) == "****"
    assert mask(b"4111111111111111", PHI.ACCOUNT) == "[phi.account]"


def test_rules_reach_lists_and_classified_values_and_leave_absent_ones_erased():
    redaction = Redaction({PHI.MRN: Pseudonym("k1", KEY), PII.NAME: mask})
    shown = Pseudonym("k1", KEY)("HN-00042", PHI.MRN)
    assert redaction.marked("HN-00042", PHI.MRN) == shown
    assert redaction.marked(["HN-00042", None], PHI.MRN) == [shown, "[phi.mrn]"]
    assert redaction.value(None, Classified("HN-00042", PHI.MRN)) == shown
    assert redaction.marked({"a": "HN-00042"}, PHI.MRN) == "[phi.mrn]"
    assert redaction.marked(uuid.UUID(int=0), PHI.MRN).startswith("pseudo:k1:")
    assert redaction.marked("Somchai", PHI.NAME) == "[phi.name]"
