"""No door of a guarded class, whoever made it, tells a marked value: rich, devtools, JSON, dataclasses of pydantic."""

import dataclasses
import enum
import io
import json
import pprint
import traceback
from typing import Annotated, Any, Literal

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from rich.console import Console
from rich.pretty import Pretty, pretty_repr

from aegis_core.marks import PHI, Mrn, PatientName, guarded, redacted

CANARY = "Somchai-0042-canary"


@guarded
@attrs.define
class AttrsPatient:
    name: PatientName
    ward: str = "4B"


@guarded
class StructPatient(msgspec.Struct):
    name: PatientName
    ward: str = "4B"


@guarded
class ModelPatient(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True, validate_assignment=True)
    name: PatientName
    ward: Literal["4B"] = "4B"

    @pydantic.model_validator(mode="after")
    def refuse_canaries(self) -> "ModelPatient":
        if self.name == CANARY:
            raise ValueError(f"{self.name} is a canary")
        return self

    @pydantic.model_validator(mode="before")
    @classmethod
    def refuse_text(cls, given: object) -> object:
        assert not isinstance(given, str), f"{given} is no patient"
        return given


@guarded
@pydantic.dataclasses.dataclass
class DataPatient:
    name: PatientName
    bed: int = 4

    @pydantic.field_validator("name")
    @classmethod
    def refuse_canaries(cls, name: str) -> str:
        if name == CANARY:
            raise ValueError(f"{name} is a canary")
        return name


@guarded
class FrozenPatient(pydantic.BaseModel, frozen=True):
    name: PatientName


@guarded
class Finding(enum.StrEnum):
    _value_: Annotated[str, PHI.DIAGNOSIS]
    ASTHMA = CANARY


@guarded
class PlainPatient:
    name: PatientName

    def __init__(self, name: str) -> None:
        if name == CANARY:
            raise ValueError(f"{name} is a canary")
        self.name = name


def texts(error: Any) -> str:
    shown = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error, limit=0))]
    if isinstance(error, pydantic.ValidationError):
        shown += [repr(error.errors()), error.json()]
    return "\n".join(shown)


MADE = [
    AttrsPatient(CANARY),
    StructPatient(CANARY),
    ModelPatient.model_construct(name=CANARY),
    FrozenPatient(name=CANARY),
]


@pytest.mark.parametrize("made", MADE, ids=lambda made: type(made).__name__)
def test_rich_pprint_and_devtools_show_the_marker(made):
    written = io.StringIO()
    Console(file=written, width=200).print(Pretty([made]), made)
    for shown in (written.getvalue(), pretty_repr(made), pprint.pformat(made), repr(list(made.__rich_repr__()))):
        assert CANARY not in shown
        assert "[phi.name]" in shown
    if isinstance(made, pydantic.BaseModel):
        assert CANARY not in repr(list(made.__pretty__(repr)) + list(made.__repr_args__()))


REFUSED = {
    "not valid JSON": lambda: ModelPatient.model_validate_json(f'{{"name": "{CANARY}'),
    "JSON of another type": lambda: ModelPatient.model_validate_json(f'"{CANARY}"'),
    "a validator after": lambda: ModelPatient.model_validate({"name": CANARY}),
    "a validator before": lambda: ModelPatient.model_validate(CANARY),
    "an object's attributes": lambda: ModelPatient.model_validate(AttrsPatient(name="a", ward=CANARY)),
    "texts": lambda: ModelPatient.model_validate_strings({"name": "a", "ward": CANARY}),
    "an assignment": lambda: setattr(ModelPatient(name="a"), "ward", CANARY),
    "an assignment to what is frozen": lambda: setattr(FrozenPatient(name="a"), "name", CANARY),
    "an adapter": lambda: pydantic.TypeAdapter(ModelPatient).validate_python({"name": CANARY}),
    "an adapter of a list": lambda: pydantic.TypeAdapter(list[ModelPatient]).validate_json(f'[{{"name": "{CANARY}"}}]'),
    "an adapter of a union of guarded models": lambda: pydantic.TypeAdapter(
        ModelPatient | FrozenPatient
    ).validate_python({"name": {CANARY: CANARY}}),
    "a call": lambda: admit(patient={"name": CANARY}),
    "a dataclass": lambda: DataPatient(CANARY),
    "a dataclass in a model": lambda: Order(patient={"name": CANARY, "bed": CANARY}),
    "a dataclass in an adapter": lambda: pydantic.TypeAdapter(DataPatient).validate_json(f'{{"name": "{CANARY}"}}'),
    "a root": lambda: Names([{CANARY: CANARY}]),
    "a plain class": lambda: PlainPatient(CANARY),
    "a member that does not exist": lambda: Finding(f"{CANARY}?"),
}


@pydantic.validate_call
def admit(patient: ModelPatient) -> None: ...


class Order(pydantic.BaseModel):
    patient: DataPatient


@guarded
class Names(pydantic.RootModel[list[PatientName]]):
    pass


@pytest.mark.parametrize("refuse", REFUSED.values(), ids=REFUSED)
def test_no_form_of_an_error_shows_what_was_refused(refuse):
    with pytest.raises(ValueError, match=r".") as caught:
        refuse()
    assert CANARY not in texts(caught.value)
    assert caught.value.__context__ is None or CANARY not in texts(caught.value.__context__)


def test_what_was_refused_would_be_shown_without_the_guard():
    class Bare(pydantic.BaseModel):
        name: PatientName

    with pytest.raises(pydantic.ValidationError) as caught:
        Bare.model_validate_json(f'{{"name": "{CANARY}')
    assert CANARY in texts(caught.value)


def test_an_error_of_a_union_names_the_class():
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(ModelPatient | FrozenPatient).validate_python({})
    assert {str(line["loc"][0]) for line in caught.value.errors()} == {
        "function-wrap[ModelPatient()]",
        "function-wrap[FrozenPatient()]",
    }


def test_members_of_an_enumeration_are_shown_as_their_class():
    for shown in (repr(Finding.ASTHMA), str(Finding.ASTHMA), f"{Finding.ASTHMA}", "%s" % Finding.ASTHMA):  # noqa: UP031
        assert shown == "Finding(value=[phi.diagnosis])"
    assert Finding(CANARY) is Finding.ASTHMA


def test_guarded_classes_work_as_before():
    assert DataPatient("a") == DataPatient("a", 4)
    assert pydantic.TypeAdapter(DataPatient).validate_python({"name": "a", "bed": "7"}) == DataPatient("a", 7)
    assert ModelPatient.model_validate_json('{"name": "a"}') == ModelPatient(name="a")
    assert PlainPatient("a").name == "a"
    assert msgspec.json.decode(msgspec.json.encode(StructPatient("a")), type=StructPatient) == StructPatient("a")
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        FrozenPatient(name="a").name = "b"  # type: ignore[misc]


def test_what_goes_into_a_log_is_had_without_a_logger():
    patient = ModelPatient.model_construct(name=CANARY)
    assert json.dumps(redacted(patient)) == '{"name": "[phi.name]", "ward": "4B"}'
    assert redacted([DataPatient("a")]) == [{"name": "[phi.name]", "bed": 4}]


def test_what_is_inherited_stays_guarded():
    @guarded
    class Numbered(pydantic.BaseModel):
        mrn: Mrn | None = None

    class Bedded(Numbered):
        bed: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Bedded.model_validate_json(f'{{"bed": "{CANARY}')
    assert CANARY not in texts(caught.value)


def test_a_subclass_that_attrs_makes_anew_is_guarded_with_its_errors():
    announced: list[str] = []

    @guarded
    @attrs.define
    class Patient:
        name: PatientName

        def __init_subclass__(cls, *, bed: str = "", **kwargs: object) -> None:
            announced.append(bed)

    @attrs.define
    class Inpatient(Patient, bed="7"):
        mrn: Mrn = attrs.field(default="", validator=attrs.validators.max_len(4))

    assert repr(Inpatient(CANARY)) == f"{Inpatient.__qualname__}(name=[phi.name], mrn=[phi.mrn])"
    with pytest.raises(ValueError, match="withheld") as caught:
        Inpatient("a", CANARY)
    assert CANARY not in texts(caught.value)
    assert announced[0] == "7"


def test_a_subclass_that_dataclass_makes_anew_is_guarded_with_its_errors():
    @guarded
    @dataclasses.dataclass
    class Patient:
        name: PatientName

    @dataclasses.dataclass(slots=True)
    class Inpatient(Patient):
        bed: int = 4

        def __post_init__(self) -> None:
            if self.name == CANARY:
                raise ValueError(self.name)

    assert repr(Inpatient("a")) == f"{Inpatient.__qualname__}(name=[phi.name], bed=4)"
    with pytest.raises(ValueError, match="withheld") as caught:
        Inpatient(CANARY)
    assert CANARY not in texts(caught.value)


def test_a_repr_that_a_subclass_writes_itself_is_left_alone():
    @attrs.define
    class Inpatient(AttrsPatient):
        def __repr__(self) -> str:
            return "in bed"

    assert repr(Inpatient("a")) == "in bed"
