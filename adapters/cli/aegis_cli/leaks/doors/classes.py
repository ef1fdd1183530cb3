"""Classes with marked fields: what their ``repr`` and their errors tell."""

import re
from collections.abc import Container, Iterable
from datetime import date
from enum import Enum
from typing import Any, Final

from aegis_cli.leaks.application import Application, OwnClass
from aegis_cli.leaks.lines import TRACER
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.names import mark_for, suggested
from aegis_core import guarded

_GUARD = guarded.__module__
_VALUES: Final = (str, bytes, int, float, date, Enum)


def shown_by_repr(application: Application) -> Iterable[Opening] | None:
    """Classes whose ``repr`` shows a marked field."""
    classes = application.marked_classes
    if not classes:
        return None
    return [Opening(own.name, file=own.file, line=own.line) for own in classes if _repr_shows(own)]


def _repr_shows(own: OwnClass) -> bool:
    written: Any = own.type.__repr__
    if written is object.__repr__ or getattr(written, "__module__", "") == _GUARD or _is_typed_dict(own.type):
        return False
    if "__repr__" not in {name for base in own.type.__mro__[:-1] for name in vars(base)}:
        return False
    try:
        return TRACER in repr(_filled(own))
    except Exception:  # noqa: BLE001 - an instance can't be made without the application: only its source could tell
        return True


def _filled(own: OwnClass) -> object:
    """An instance whose marked fields hold the tracer, made without running any code of the application's."""
    type_: Any = own.type
    if issubclass(type_, tuple):
        return tuple.__new__(type_, [TRACER if name in own.marked else None for name in own.marks])
    if hasattr(type_, "model_construct"):
        return type_.model_construct(**dict.fromkeys(own.marked, TRACER))
    made = type_.__new__(type_)
    if hasattr(type_, "__mapper__"):
        made.__dict__.update(dict.fromkeys(own.marks), **dict.fromkeys(own.marked, TRACER))
        return made
    for name in own.marks:
        object.__setattr__(made, name, TRACER if name in own.marked else None)
    return made


def _is_typed_dict(type_: type) -> bool:
    return type(type_).__name__ == "_TypedDictMeta"


def refused_values(application: Application) -> Iterable[Opening] | None:
    """Attrs classes whose validators and converters quote what they refuse."""
    classes = [own for own in application.marked_classes if hasattr(own.type, "__attrs_attrs__")]
    if not classes:
        return None
    return [
        Opening(own.name, file=own.file, line=own.line)
        for own in classes
        if any(
            field.name in own.marked and (field.validator or field.converter)
            for field in own.type.__attrs_attrs__  # type: ignore[attr-defined]
        )
        and not getattr(own.type.__init__, "__aegis_guarded__", False)  # type: ignore[misc]
    ]


def unmarked_names(application: Application) -> Iterable[Opening] | None:
    """Fields without a mark whose names say what they hold."""
    classes = [own for own in application.classes if own.marks or _is_table(own.type)]
    if not classes:
        return None
    objects = {own.type.__name__ for own in application.classes if not issubclass(own.type, _VALUES)}
    return [opening for own in classes for opening in _unmarked(own, objects)]


def _unmarked(own: OwnClass, objects: Container[str]) -> Iterable[Opening]:
    """The fields of one class that want a mark; those that hold an object of the application's have marks inside."""
    if _is_table(own.type):
        # Django's columns have no annotations: their marks are given from outside.
        for name in (field.attname for field in own.type._meta.concrete_fields):  # type: ignore[attr-defined]
            if name not in own.marks and (mark := mark_for(name, own.name)):
                yield Opening(f"{own.name}.{name}", f"mark({own.name}, {name}={mark})", own.file, own.line)
        return
    for name, given in own.marks.items():
        written = _annotation(own.type, name)
        if given is not None or any(word in objects for word in re.findall(r"\w+", written)):
            continue
        if annotation := suggested(name, own.name, written):
            yield Opening(f"{own.name}.{name}", f"{name}: {annotation}", own.file, own.line)


def _is_table(type_: type) -> bool:
    return hasattr(getattr(type_, "_meta", None), "concrete_fields")


def _annotation(type_: type, name: str) -> str:
    """A field's annotation as it was written, or as it would be."""
    for base in type_.__mro__:
        written = vars(base).get("__annotations__", {}).get(name)
        if written is not None:
            plain = isinstance(written, type) and not hasattr(written, "__origin__")
            text = written if isinstance(written, str) else written.__name__ if plain else str(written)
            return text.replace("sqlalchemy.orm.base.", "").replace("typing.", "")
    return "str"


DOORS = (
    Door(
        "classes.repr", (), "marked fields in repr(), so in logs and tracebacks", "@guarded", shown_by_repr, Reach.CODE
    ),
    Door(
        "attrs.refused-values",
        ("attr",),
        "what a validator or converter refuses, in its error",
        "@guarded",
        refused_values,
        Reach.CODE,
    ),
    Door(
        "classes.unmarked",
        (),
        "fields that are called like identifiers or findings and bear no mark",
        "",
        unmarked_names,
        Reach.CODE,
    ),
)
