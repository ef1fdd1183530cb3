"""The classes of data, and why somebody looks at them."""

import copy
import pickle
import typing

import pytest

from aegis_core.marks import (
    FINANCIAL,
    INTERNAL,
    PHI,
    PII,
    PUBLIC,
    SAFE_HARBOR,
    SECRET,
    UNKNOWN,
    DataClass,
    Purpose,
    aliases,
    date_aliases,
)

TAXONOMIES = [PHI, PII, SECRET, FINANCIAL, INTERNAL, PUBLIC, UNKNOWN]


def test_each_of_the_eighteen_identifiers_of_safe_harbor_has_a_class_of_its_own():
    assert "".join(SAFE_HARBOR) == "ABCDEFGHIJKLMNOPQR"
    assert len(set(SAFE_HARBOR.values())) == 18
    assert {found.taxonomy for found in SAFE_HARBOR.values()} == {"phi"}


@pytest.mark.parametrize("taxonomy", TAXONOMIES, ids=lambda taxonomy: taxonomy.__name__)
def test_every_class_says_its_taxonomy_and_name(taxonomy):
    classes = {name: value for name, value in vars(taxonomy).items() if not name.startswith("_")}
    assert classes
    for name, data_class in classes.items():
        assert isinstance(data_class, DataClass)
        assert (data_class.taxonomy, data_class.name) == (taxonomy.__name__.lower(), name.lower())
        assert data_class.marker == f"[{data_class}]"


def test_a_class_is_one_object_however_it_is_made():
    assert DataClass("phi", "name") is PHI.NAME
    assert pickle.loads(pickle.dumps(PHI.NAME)) is PHI.NAME
    assert copy.deepcopy(PHI.NAME) is PHI.NAME
    assert DataClass("clinic", "bed") is DataClass("clinic", "bed") is not PHI.NAME


def test_a_class_never_changes():
    with pytest.raises(AttributeError):
        PHI.NAME.name = "x"
    with pytest.raises(AttributeError):
        del PHI.NAME.name


def test_every_alias_is_a_type_with_one_mark():
    found = [
        value
        for module in (aliases, date_aliases)
        for value in vars(module).values()
        if typing.get_origin(value) is typing.Annotated
    ]
    assert len(found) > 20
    for alias in found:
        [data_class] = alias.__metadata__
        assert isinstance(data_class, DataClass)


def test_purposes_are_codes_of_hl7():
    assert Purpose.TREATMENT == "TREAT"
    assert {"HPAYMT", "HOPERAT", "ETREAT", "HRESCH", "PATRQT", "PUBHLTH", "BTG"} <= set(Purpose)
