"""The repr and the errors of a guarded class tell nothing."""

import dataclasses
import json
import traceback
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, Union

import attrs
import pydantic
import pydantic.dataclasses
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aegis_core.marks import PHI, Classified, Mrn, PatientName, guarded
from aegis_core.marks.names import LEARNED

CANARY = "Somchai-0042-canary"


def shown(value) -> list[str]:
    return [repr(value), str(value), f"{value}", "%s" % (value,), repr([value])]  # noqa: UP031


@guarded
@attrs.define
class AttrsPatient:
    mrn: Mrn = attrs.field(validator=attrs.validators.matches_re("HN.*"))
    name: PatientName = attrs.field(validator=attrs.validators.instance_of(str))
    ward: str = "4B"


@guarded
@dataclasses.dataclass
class DataPatient:
    mrn: Mrn
    name: PatientName
    ward: str = "4B"

    def __post_init__(self):
        if not self.mrn.startswith("HN"):
            raise ValueError(f"{self.mrn} is no number of ours")


@guarded
class ModelPatient(pydantic.BaseModel):
    mrn: Mrn
    name: PatientName
    ward: str = "4B"

    @pydantic.field_validator("mrn")
    @classmethod
    def starts_right(cls, value: str) -> str:
        if not value.startswith("HN"):
            raise ValueError(f"{value} is no number of ours")
        return value


class Base(DeclarativeBase):
    pass


@guarded
class RowPatient(Base):
    __tablename__ = "guarded"
    mrn: Mapped[Mrn] = mapped_column(primary_key=True)
    name: Mapped[PatientName]
    ward: Mapped[str]


@guarded
class TuplePatient(NamedTuple):
    mrn: Mrn
    name: PatientName
    ward: str


@guarded
class PlainPatient:
    mrn: Mrn
    name: PatientName
    ward: str

    def __init__(self, mrn, name, ward):
        self.mrn, self.name, self.ward = mrn, name, ward


@pytest.mark.parametrize(
    "shape",
    [AttrsPatient, DataPatient, ModelPatient, RowPatient, TuplePatient, PlainPatient],
    ids=lambda shape: shape.__name__,
)
def test_no_way_of_showing_it_tells_a_marked_value(shape):
    fields = {"mrn": f"HN{CANARY}", "name": CANARY, "ward": "4B"}
    made = shape(**fields) if shape is not PlainPatient else shape(*fields.values())
    for text in shown(made):
        assert CANARY not in text
        assert text.strip("[]").startswith(f"{shape.__name__}(")
        assert "mrn=[phi.mrn]" in text
        assert "ward='4B'" in text


def test_the_decorator_gives_the_class_itself():
    assert isinstance(AttrsPatient("HN1", "a"), AttrsPatient)
    assert AttrsPatient("HN1", "a") == AttrsPatient("HN1", "a")
    assert attrs.evolve(AttrsPatient("HN1", "a"), ward="5").ward == "5"


@pytest.mark.parametrize("shape", [AttrsPatient, DataPatient])
def test_what_a_validator_raises_is_raised_without_its_text(shape):
    with pytest.raises(ValueError, match="withheld") as caught:
        shape(CANARY, "a")
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in repr(caught.value.args)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def raises_key_error(value):
    return {}[value]


def raises_assertion_error(value):
    raise AssertionError(f"{value} is no number")


@pytest.mark.parametrize("check", [raises_key_error, raises_assertion_error, int])
def test_whatever_looks_at_a_value_tells_nothing_of_it(check):
    @guarded
    @attrs.define
    class OfAttrs:
        mrn: Mrn = attrs.field(converter=check)

    @guarded
    @dataclasses.dataclass
    class OfDataclasses:
        mrn: Mrn

        def __post_init__(self):
            check(self.mrn)

    @guarded
    class Plain:
        mrn: Mrn

        def __init__(self, mrn):
            self.mrn = check(mrn)

    @guarded
    class OfPydantic(pydantic.BaseModel):
        mrn: Annotated[Mrn, pydantic.AfterValidator(check)]

    for shape in (OfAttrs, OfDataclasses, Plain, OfPydantic):
        with pytest.raises((ValueError, KeyError, AssertionError), match="withheld") as caught:
            shape(mrn=CANARY)
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert CANARY not in repr(caught.value.args)


def test_the_error_names_the_field_that_was_refused():
    with pytest.raises(TypeError, match="the value of name was refused"):
        AttrsPatient("HN1", 42)


def test_setting_a_field_later_tells_nothing_either():
    patient = AttrsPatient("HN1", "a")
    with pytest.raises(ValueError, match="the value of mrn was refused") as caught:
        patient.mrn = CANARY
    assert CANARY not in repr(caught.value.args)
    patient.mrn = "HN2"
    assert patient.mrn == "HN2"


def test_a_wrong_call_is_told_as_it_is():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        AttrsPatient("HN1")


def test_an_error_of_another_kind_passes():
    @guarded
    @dataclasses.dataclass
    class Other:
        mrn: Mrn

        def __post_init__(self):
            raise LookupError("no such ward")

    with pytest.raises(LookupError, match="no such ward"):
        Other("HN1")


def texts(error: pydantic.ValidationError) -> str:
    return "".join([str(error), repr(error), repr(error.errors()), error.json(), *map(repr, error.args)])


BAD: list[dict[str, Any]] = [
    {"mrn": CANARY, "name": "a"},
    {"mrn": 5, "name": {CANARY: CANARY}},
    {"mrn": "HN1", "nom": CANARY},
    {"mrn": "HN1", "name": [CANARY], "ward": CANARY.encode() * 2},
]


@pytest.mark.parametrize("given", BAD)
def test_a_validation_error_of_pydantic_shows_no_input(given):
    for make in (lambda: ModelPatient(**given), lambda: ModelPatient.model_validate(given)):
        with pytest.raises(pydantic.ValidationError) as caught:
            make()
        assert CANARY not in texts(caught.value)
        assert caught.value.__context__ is None
        assert caught.value.title == "ModelPatient"
        assert "input_value" not in str(caught.value)
        assert {line["loc"][0] for line in caught.value.errors()} <= {"mrn", "name", "ward"}


@pytest.mark.parametrize("given", BAD)
def test_a_validation_error_of_a_model_around_it_shows_none_either(given):
    class Order(pydantic.BaseModel):
        patients: list[ModelPatient]
        count: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Order(patients=[given], count="many")
    assert CANARY not in texts(caught.value)
    assert "many" in str(caught.value)  # Order itself is not guarded
    assert caught.value.errors()[0]["loc"][:2] == ("patients", 0)


@guarded
class Beds(pydantic.BaseModel, extra="forbid"):
    taken: dict[PatientName, int] = pydantic.Field({}, alias="takenBy")
    free: dict[str, int] = {}


@guarded
@pydantic.dataclasses.dataclass(config={"extra": "forbid"})
class Bed:
    number: int = 0


@pytest.mark.parametrize(
    ("refuse", "place"),
    [
        (lambda: Beds(**{CANARY: 1}), ("[key]",)),
        (lambda: Bed(**{CANARY: 1}), ("[key]",)),
        (lambda: Beds(takenBy={CANARY: "x"}), ("takenBy", "[key]")),
        (lambda: Beds.model_validate_json(json.dumps({"takenBy": {CANARY: "x"}})), ("takenBy", "[key]")),
        (lambda: pydantic.TypeAdapter(list[Beds]).validate_python([{CANARY: 1}]), (0, "[key]")),
        (lambda: Beds(free={"4B": "x"}), ("free", "4B")),  # nobody marked these
    ],
)
def test_the_place_of_a_refusal_is_named_without_keys_that_were_sent(refuse, place):
    with pytest.raises(pydantic.ValidationError) as caught:
        refuse()
    assert CANARY not in texts(caught.value)
    assert caught.value.errors()[0]["loc"] == place


def test_a_dataclass_of_pydantic_raises_what_it_raised_before_without_the_input():
    @guarded
    @pydantic.dataclasses.dataclass
    class Visit:
        mrn: Mrn
        bed: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Visit("HN1", CANARY)  # type: ignore[arg-type]
    assert CANARY not in texts(caught.value)
    assert caught.value.errors()[0]["loc"] == (1,)


def test_the_tag_of_a_union_is_not_quoted():
    class Cat(pydantic.BaseModel):
        kind: Literal["cat"]

    class Dog(pydantic.BaseModel):
        kind: Literal["dog"]

    @guarded
    class Owner(pydantic.BaseModel):
        mrn: Mrn
        pet: Annotated[Union[Cat, Dog], pydantic.Field(discriminator="kind")]  # noqa: UP007 - a discriminated union

    with pytest.raises(pydantic.ValidationError) as caught:
        Owner(mrn="HN1", pet={"kind": CANARY})
    assert CANARY not in texts(caught.value)


def test_a_guarded_model_validates_dumps_and_describes_itself_as_before():
    assert ModelPatient(mrn="HN1", name="a").model_dump() == {"mrn": "HN1", "name": "a", "ward": "4B"}
    assert ModelPatient.model_validate_json('{"mrn": "HN1", "name": "a"}') == ModelPatient(mrn="HN1", name="a")
    assert set(ModelPatient.model_json_schema()["properties"]) == {"mrn", "name", "ward"}


def test_a_model_derived_from_a_guarded_one_is_guarded():
    class Inpatient(ModelPatient):
        bed: Annotated[str, PHI.UNIQUE_ID]

    assert CANARY not in repr(Inpatient(mrn="HN1", name=CANARY, bed=CANARY))
    with pytest.raises(pydantic.ValidationError) as caught:
        Inpatient(mrn="HN1", name=CANARY, bed={CANARY: 1})
    assert CANARY not in texts(caught.value)


def test_models_hold_classified_values_and_show_their_marker_in_json():
    class Reminder(pydantic.BaseModel):
        to: Classified[str]

    reminder = Reminder(to=Classified(CANARY, PHI.EMAIL))
    assert reminder.model_dump_json() == '{"to":"[phi.email]"}'
    assert CANARY not in repr(reminder)
    with pytest.raises(pydantic.ValidationError):
        Reminder(to="plain")


def test_the_names_of_a_guarded_class_are_learned_at_once():
    @guarded
    class Lab(TypedDict):
        specimen_barcode: Annotated[str, PHI.UNIQUE_ID]

    assert LEARNED["specimenBarcode"] is PHI.UNIQUE_ID
    assert Lab(specimen_barcode="x") == {"specimen_barcode": "x"}
