"""Where a marked value may lie in a class, and how a guarded class may be shown."""

import io
import pprint
import traceback
from collections.abc import Callable
from typing import Annotated, Any, NewType, TypeVar

import pydantic
import sqlalchemy as sa
from rich.console import Console
from typing_extensions import TypeAliasType

from aegis_core.marks import PHI, marks_of, redacted
from tests.unit.marks.caught.kinds import Kind, Name, guard
from tests.unit.marks.caught.outcome import VALUE, NotApplicableError

T = TypeVar("T")
Renamed = NewType("Renamed", Name)  # type: ignore[valid-newtype]
Alias = TypeAliasType("Alias", Name)
Filled = TypeAliasType("Filled", Annotated[T, PHI.NAME], type_params=(T,))

#: How it is written → its annotation, and a value that lies there.
ANNOTATIONS: dict[str, tuple[Any, object]] = {
    "`X`": (Name, VALUE),
    "`X | None`": (Name | None, VALUE),
    "`int | X`": (int | Name, VALUE),
    "`list[X]`": (list[Name], [VALUE]),
    "`tuple[X, ...]`": (tuple[Name, ...], (VALUE,)),
    "`set[X]`": (set[Name], {VALUE}),
    "`dict[str, X]`": (dict[str, Name], {"a": VALUE}),
    "`dict[X, int]`": (dict[Name, int], {VALUE: 1}),
    "`list[dict[str, X | None]]`": (list[dict[str, Name | None]], [{"a": VALUE}]),
    "`NewType`": (Renamed, VALUE),
    "`type A = X`": (Alias, VALUE),
    "`A[str]`": (Filled[str], VALUE),
    '`"X"`': ("Annotated[str, PHI.NAME]", VALUE),
}


def in_annotation(kind: Kind, annotation: object, value: object) -> object:
    """Write a list of one instance, whose field ``held`` is annotated so."""
    if not kind.of_annotations and annotation is not Name:
        raise NotApplicableError
    cls = kind.declare({"held": annotation, "ward": str})
    return redacted([cls(held=value, ward="4B")])


def _direct(kind: Kind) -> Any:
    return kind.declare({"held": Name, "ward": str})


def inherited(kind: Kind) -> object:
    """Write an instance of a subclass."""
    return redacted(kind.inherit(_direct(kind))(held=VALUE, ward="4B"))


def declared_anew(kind: Kind) -> object:
    """Write an instance of a subclass whose field is declared anew, without its mark."""
    if not kind.of_annotations:
        raise NotApplicableError
    try:
        made = kind.inherit(_direct(kind), __annotations__={"held": str})
    except sa.exc.SQLAlchemyError as refused:  # a column is not declared anew
        raise NotApplicableError from refused
    return redacted(made(held=VALUE, ward="4B"))


def nested(kind: Kind) -> object:
    """Write an instance that lies in a list of dicts of another one."""
    inner = _direct(kind)
    outer = kind.declare({"inner": list[dict[str, inner]], "ward": str})
    return redacted(outer(inner=[{"a": inner(held=VALUE, ward="4B")}], ward="4B"))


def unresolvable(kind: Kind) -> object:
    """Write an instance one of whose annotations names what nobody can find."""
    if not kind.of_annotations:
        raise NotApplicableError
    try:
        cls = kind.declare({"held": Name, "ward": "Nowhere"})
        made = cls.model_construct if hasattr(cls, "model_construct") else cls
        written: Any = redacted(made(held="", ward=VALUE))
    except (NameError, TypeError, pydantic.PydanticUserError, sa.exc.SQLAlchemyError) as refused:
        raise NotApplicableError from refused  # the library itself wants it resolved
    return written["ward"]


def by_property(kind: Kind) -> object:
    """Write a loose value under the name of a property that says what it returns."""
    cls = _direct(kind)

    def label(self: object) -> Name:
        return VALUE

    marks_of(kind.inherit(cls, label=property(label)))
    return redacted({"label": VALUE})


def loose(kind: Kind) -> object:
    """Write a loose value under the field's name."""
    marks_of(_direct(kind))
    return redacted({"deep": [{"held": VALUE}]})


def spelt(kind: Kind) -> object:
    """Write a loose value under another spelling of the field's name."""
    marks_of(_direct(kind))
    return redacted([("Held", VALUE), {b"HELD": VALUE}])


def unmarked(kind: Kind) -> object:
    """Write an instance whose unmarked field has the value."""
    return redacted(_direct(kind)(held="", ward=VALUE))


IN_A_LINE: dict[str, Callable[[Kind], object]] = {
    "inherited": inherited,
    "declared anew": declared_anew,
    "nested": nested,
    "property": by_property,
    "loose": loose,
    "other spelling": spelt,
    "unresolvable": unresolvable,
    "unmarked": unmarked,
}


def _guarded(kind: Kind) -> Any:
    return guard(_direct(kind))(held=VALUE, ward="4B")


def by_rich(kind: Kind) -> object:
    """Print a guarded instance with rich."""
    written = io.StringIO()
    Console(file=written, width=200).print([_guarded(kind)])
    return written.getvalue()


def refused(kind: Kind) -> object:
    """Show in every way the error that a library raises over a value of the wrong type."""
    cls = guard(_direct(kind))
    try:
        cls(held={VALUE: VALUE}, ward="4B")
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        told = [str(error), repr(error), *traceback.format_exception(error, limit=0)]
        if isinstance(error, pydantic.ValidationError):
            told += [str(error.errors()), error.json()]
        return "\n".join(told)
    raise NotApplicableError


def subclass(kind: Kind) -> object:
    """Show an instance of a subclass that is not decorated itself."""
    cls = guard(_direct(kind))
    return repr(kind.inherit(cls)(held=VALUE, ward="4B"))


GUARDED: dict[str, Callable[[Kind], object]] = {
    "`repr()`": lambda kind: repr(_guarded(kind)),
    "`str()`": lambda kind: str(_guarded(kind)),
    "f-string": lambda kind: f"{_guarded(kind)}",
    '`"%s"`': lambda kind: "%s" % (_guarded(kind),),  # noqa: UP031 - a door of its own
    "pprint": lambda kind: pprint.pformat([_guarded(kind)]),
    "rich": by_rich,
    "subclass": subclass,
    "refused": refused,
    "not guarded": lambda kind: repr(_direct(kind)(held=VALUE, ward="4B")),
}
