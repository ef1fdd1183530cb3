"""Where else a class says that a value is marked: in bounds, aliases, tables, properties, private names."""

import dataclasses
import enum
import sys
import textwrap
import types
from array import array
from collections import UserString, namedtuple
from typing import Annotated, Any, ClassVar, Final, Generic, NotRequired, Required, Self, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from typing_extensions import ReadOnly, TypeAliasType, TypedDict, TypeVarTuple

from aegis_core.marks import PHI, PUBLIC, Mrn, PatientName, Redaction, mark, marks_of
from aegis_core.marks.names import LEARNED

VALUE = "Somchai-0042"
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
MarkedText = TypeVar("MarkedText", bound=PatientName)
OneOf = TypeVar("OneOf", PatientName, int)
Marked = TypeAliasType("Marked", Annotated[T, PHI.NAME], type_params=(T,))
Listed = TypeAliasType("Listed", list[T], type_params=(T,))
Tree = TypeAliasType("Tree", "list[Tree] | Annotated[str, PHI.NOTE]")


def written(value: object) -> Any:
    return Redaction().value(None, value)


# ------------------------------------------------------------------------------------------------------- annotations


@attrs.define
class Bounded(Generic[MarkedText, OneOf]):
    by_bound: MarkedText
    by_constraint: OneOf


def test_what_a_type_variable_may_stand_for_bears_marks():
    assert marks_of(Bounded) == {"by_bound": PHI.NAME, "by_constraint": PHI.NAME}


def test_values_under_an_open_variable_of_many_types_are_erased():
    @attrs.define
    class Row(Generic[*Ts]):
        cells: tuple[*Ts]

    assert written(Row((VALUE, 7))) == {"cells": ["[unknown.generic]", "[unknown.generic]"]}


def test_a_variable_filled_with_a_type_that_names_it_ends():
    @attrs.define
    class Box(Generic[T]):
        content: T
        mrn: Mrn

    @attrs.define
    class Boxes(Box[list[T]], Generic[T]):
        pass

    assert marks_of(Boxes) == {"content": None, "mrn": PHI.MRN}
    assert written(Boxes([VALUE], "HN1")) == {"content": ["[unknown.generic]"], "mrn": "[phi.mrn]"}


@attrs.define
class Aliased:
    a: Marked[str]
    b: Listed[Mrn]
    c: Tree
    d: Listed[int]


def test_type_aliases_are_followed_filled_in_and_may_name_themselves():
    assert marks_of(Aliased) == {"a": PHI.NAME, "b": PHI.MRN, "c": PHI.NOTE, "d": None}
    assert written(Aliased(VALUE, [VALUE], [[VALUE]], [7]))["d"] == [7]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with Python 3.12")
def test_the_type_statement_is_read():  # pragma: no cover - the lowest Python has none
    module = types.ModuleType("type_statement")
    source = """
        import attrs
        from typing import Annotated
        from aegis_core.marks import PHI
        type Name[T] = Annotated[T, PHI.NAME]

        @attrs.define
        class Box[T]:
            name: Name[str]
            content: T
    """
    exec(textwrap.dedent(source), module.__dict__)
    assert marks_of(module.Box)["name"] is PHI.NAME


def test_a_typed_dict_resolves_what_another_module_wrote(monkeypatch):
    module = types.ModuleType("elsewhere_views")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = """
        from __future__ import annotations
        from typing import Annotated, TypedDict
        from aegis_core.marks import PHI as Health

        class View(TypedDict):
            chart_no: Annotated[str, Health.MRN]
    """
    exec(textwrap.dedent(source), module.__dict__)
    derived = types.new_class("Derived", (module.View,))
    assert marks_of(derived) == {"chart_no": PHI.MRN}


# ------------------------------------------------------------------------ names that are not written with an instance


class Mixin:
    from_a_mixin: PatientName


@attrs.define
class WithProperties(Mixin):
    ward: str
    seen: ClassVar[Annotated[str, PHI.DATE]] = ""

    @property
    def label_on_door(self) -> PatientName:
        raise AssertionError("a property is never run")

    @property
    def unknown_kind(self) -> "Nowhere":  # noqa: F821 - a name that can't be resolved
        raise AssertionError


def test_names_of_mixins_class_variables_and_properties_are_learned_and_none_is_run():
    assert written(WithProperties("4B")) == {"ward": "4B"}
    assert {LEARNED.get(name) for name in ("from_a_mixin", "labelOnDoor")} == {PHI.NAME}
    assert LEARNED["seen"] is PHI.DATE
    assert "unknown_kind" not in LEARNED


def test_names_of_init_only_parameters_are_learned():
    @dataclasses.dataclass
    class Admission:
        ward: str
        escort: dataclasses.InitVar[PatientName]

    assert marks_of(Admission) == {"ward": None}
    assert LEARNED["escort"] is PHI.NAME


def test_words_around_an_annotation_hide_no_mark():
    @dataclasses.dataclass
    class Bed:
        who: Final[PatientName]
        _: dataclasses.KW_ONLY
        moved_from: Self | None = None
        rack: ClassVar[Annotated[str, PHI.DEVICE]] = "r1"
        by: dataclasses.InitVar[Annotated[str, PHI.NOTE]] = ""

        def __post_init__(self, by: str) -> None:
            pass

    assert marks_of(Bed) == {"who": PHI.NAME, "moved_from": None}
    assert written(Bed(VALUE, moved_from=Bed(VALUE))) == {
        "who": "[phi.name]",
        "moved_from": {"who": "[phi.name]", "moved_from": None},
    }
    assert (LEARNED["rack"], LEARNED["by"]) == (PHI.DEVICE, PHI.NOTE)

    class View(TypedDict, total=False):
        chart: Required[ReadOnly[Mrn]]
        nick: NotRequired[PatientName]

    assert marks_of(View) == {"chart": PHI.MRN, "nick": PHI.NAME}


# ---------------------------------------------------------------------------------------------------------- pydantic


class Order(pydantic.BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, PatientName]
    _orderer: PatientName = pydantic.PrivateAttr(default=VALUE)
    number: Mrn = pydantic.Field(validation_alias=pydantic.AliasPath("envelope", "orderNumber", 0))

    @pydantic.computed_field(alias="printedLabel")  # type: ignore[prop-decorator]
    @property
    def label(self) -> PatientName:
        return VALUE


def test_computed_fields_private_attributes_and_paths_of_aliases_are_learned():
    order = Order.model_validate({"envelope": {"orderNumber": [VALUE]}, "next of kin": VALUE})
    assert written(order) == {"number": "[phi.mrn]", "next of kin": "[phi.name]"}
    assert VALUE not in str(written(order.model_dump(exclude={"next of kin"})))
    assert LEARNED["printedLabel"] is PHI.NAME
    assert written(order.__pydantic_private__) == {"_orderer": "[phi.name]"}
    assert LEARNED["orderNumber"] is PHI.MRN
    assert "envelope" not in LEARNED  # it holds more than the number


def test_aliases_of_a_dataclass_of_pydantic_are_learned():
    @pydantic.dataclasses.dataclass
    class Visit:
        doctor: PatientName = pydantic.Field(alias="attendingDoctor")

    assert written(Visit(attendingDoctor=VALUE)) == {"doctor": "[phi.name]"}
    assert LEARNED["attendingDoctor"] is PHI.NAME


# ----------------------------------------------------------------------------------------------------------- msgspec


class Tube(msgspec.Struct, rename={"code": "tubeBarcode"}, tag="tube", array_like=True):
    code: Mrn
    rack: int = 4


class Pair(msgspec.Struct, Generic[T]):
    left: T
    right: Mrn = ""


class Rack(msgspec.Struct):
    tubes: list[Tube | Pair[str]]


def test_structs_are_read_with_the_names_that_they_are_encoded_under():
    assert marks_of(Tube) == {"code": PHI.MRN, "rack": None}
    assert LEARNED["tubeBarcode"] is PHI.MRN
    assert written(Rack([Tube(VALUE), Pair(VALUE, VALUE)])) == {
        "tubes": [{"code": "[phi.mrn]", "rack": 4}, {"left": "[unknown.generic]", "right": "[phi.mrn]"}]
    }


# ------------------------------------------------------------------------------------------------------------- enums


class Finding(str, enum.Enum):  # noqa: UP042 - a shape of its own
    _value_: Annotated[str, PHI.DIAGNOSIS]
    ASTHMA = "J45"


class Foreign(enum.Enum):
    ASTHMA = "J45"


class Named(enum.EnumMeta):
    """As Django's choices have one."""


class Choice(enum.Enum, metaclass=Named):
    ASTHMA = "J45"


class Level(enum.IntEnum):
    HIGH = 3


def test_members_of_a_marked_enumeration_are_of_its_class_wherever_they_stand():
    mark(Foreign, value=PHI.DIAGNOSIS)
    mark(Choice, value=PHI.DIAGNOSIS)
    for kind in (Finding, Foreign, Choice):
        assert marks_of(kind) == {"value": PHI.DIAGNOSIS}
        assert written({"found": [kind.ASTHMA], kind.ASTHMA: 1}) == {
            "found": ["[phi.diagnosis]"],
            "[phi.diagnosis]": 1,
        }
        assert Redaction().plan(kind)(kind.ASTHMA) == {"value": "[phi.diagnosis]"}
    assert "value" not in LEARNED
    assert written([Level.HIGH]) == [3]
    assert marks_of(Level) == {}


# -------------------------------------------------------------------------------------------------------- containers


def test_a_key_that_is_no_plain_text_is_known_by_the_names_in_it():
    marks_of(WithProperties)
    name = "label_on_door"

    class Column(enum.Enum):
        NAME = name

    for key in (name.encode(), Column.NAME, ("patient", name), (b"patient", name.encode())):
        assert VALUE not in str(written({key: VALUE}))
        assert VALUE in str(written({"shown" if isinstance(key, tuple) else b"shown": VALUE}))


def test_pairs_are_known_by_their_first_item_also_as_lists():
    marks_of(WithProperties)
    assert written([["labelOnDoor", VALUE], ("labelOnDoor", VALUE), ["ward", "4B"]]) == [
        ["labelOnDoor", "[phi.name]"],
        ["labelOnDoor", "[phi.name]"],
        ["ward", "4B"],
    ]


def test_text_that_is_a_sequence_of_itself_is_text():
    assert written(UserString("ward 4B")) == "ward 4B"


def test_a_named_tuple_of_others_gets_a_table():
    Bed = namedtuple("Bed", "who ward")  # noqa: PYI024 - what others' code has
    mark(Bed, who=PHI.NAME)
    assert written([Bed(VALUE, "4B")]) == [{"who": "[phi.name]", "ward": "4B"}]


def test_the_keys_and_values_of_a_typed_dict_are_learned_whatever_they_require():
    view = TypedDict("view", {"chart-number": Mrn}, total=False)  # type: ignore[misc]
    marks_of(view)
    assert written({"chart-number": VALUE}) == {"chart-number": "[phi.mrn]"}


def test_objects_that_hold_themselves_end():
    @dataclasses.dataclass
    class Link:
        who: PatientName
        following: "Link | None" = None

    link = Link(VALUE)
    link.following = Link(VALUE, link)
    assert written(link) == {"who": "[phi.name]", "following": {"who": "[phi.name]", "following": "[cycle]"}}
    for _ in range(1_000):
        link = Link(VALUE, link)
    assert "[depth]" in str(written(link))
    assert "[size]" in str(written([[Link(VALUE) for _ in range(100)] for _ in range(200)]))


def test_a_field_declared_anew_keeps_its_mark_unless_it_is_said_to_be_public():
    class Patient(pydantic.BaseModel):
        who: PatientName | None
        bed: Mrn

    class Inpatient(Patient):
        who: str
        bed: Annotated[str, PUBLIC.DATA]

    assert written(Inpatient(who=VALUE, bed="7")) == {"who": "[phi.name]", "bed": "7"}

    @dataclasses.dataclass
    class Base:
        who: PatientName

    @dataclasses.dataclass
    class Derived(Base):
        who: "str"

    assert marks_of(Derived) == {"who": PHI.NAME}


def test_an_array_of_letters_is_not_written_letter_by_letter():
    assert written([array("u", VALUE), array("i", [1, 2])]) == ["[12 items]", "[2 items]"]
