"""One way of declaring a class for each library, all from the same annotations."""

import dataclasses
import itertools
import types
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, Protocol, TypedDict

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, declarative_base, mapped_column

from aegis_core.marks import PHI, guarded, mark, marks_of
from tests.unit.marks.caught.outcome import NotApplicableError

Annotations = Mapping[str, Any]
Name = Annotated[str, PHI.NAME]
_numbers = itertools.count()


class Base(DeclarativeBase):
    """Of the mapped classes."""


Classic: Any = declarative_base()


class Named(Protocol):
    """A protocol whose members are marked."""

    held: Name


def _new(annotations: Annotations, bases: tuple[Any, ...] = (), /, **members: Any) -> Any:
    body = {"__annotations__": dict(annotations), "__module__": __name__, **members}
    return types.new_class("Made", bases, exec_body=lambda namespace: namespace.update(body))


def _init(self: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(self, name, value)


def _mapped(annotations: Annotations) -> Any:
    if "inner" in annotations:
        raise NotApplicableError  # that takes a relation
    columns = {name: mapped_column(sa.JSON) for name in annotations}
    declared: dict[str, Any] = {"key": Mapped[int]}
    for name, annotation in annotations.items():
        declared[name] = f"Mapped[{annotation}]" if isinstance(annotation, str) else Mapped[annotation]
    key = mapped_column(sa.Integer, primary_key=True)
    return _new(declared, (Base,), __tablename__=f"made_{next(_numbers)}", key=key, **columns)


def _columns(annotations: Annotations) -> Any:
    info = {"class": PHI.NAME}
    columns = {name: sa.Column(sa.JSON, info=info if name == "held" else None) for name in annotations}
    key = sa.Column(sa.Integer, primary_key=True)
    return _new({}, (Classic,), __tablename__=f"old_{next(_numbers)}", key=key, **columns)


def _django(annotations: Annotations) -> Any:
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(DATABASES={}, INSTALLED_APPS=[])
        django.setup()
    from django.db import models

    if "inner" in annotations:
        raise NotApplicableError  # that takes a relation
    columns = {name: models.JSONField() for name in annotations}
    meta = type("Meta", (), {"app_label": f"made_{next(_numbers)}"})
    return _new(annotations, (models.Model,), Meta=meta, **columns)


def _table(annotations: Annotations) -> Any:
    made = _new({}, __init__=_init)
    mark(made, held=PHI.NAME)
    return made


def _named_tuple(annotations: Annotations) -> Any:
    made = namedtuple("Made", annotations)  # type: ignore[misc]  # noqa: PYI024 - what others' code has
    mark(made, held=PHI.NAME)
    return made


def _typed_dict(annotations: Annotations) -> Any:
    made = TypedDict("Made", dict(annotations))  # type: ignore[misc]  # noqa: UP013 - the names are given
    marks_of(made)
    return made


def _inherit(cls: Any, **members: Any) -> Any:
    return _new({}, (cls,), **members)


def _proxy(cls: Any, **members: Any) -> Any:
    return _new({}, (cls,), Meta=type("Meta", (), {"app_label": cls._meta.app_label, "proxy": True}), **members)


def _sub_view(cls: Any, **members: Any) -> Any:
    if members:
        raise NotApplicableError  # a TypedDict has keys alone
    return types.new_class("Sub", (cls,))


class Kind(NamedTuple):
    """A library's way of declaring a class.

    Arguments:
        declare: makes the class.
        of_annotations: whether the mark stands in the annotation, so that its form matters.
        inherit: makes a subclass with the members that it is given.
    """

    declare: Callable[[Annotations], Any]
    of_annotations: bool = True
    inherit: Callable[..., Any] = _inherit


def _plain(annotations: Annotations) -> Any:
    return _new(annotations, __init__=_init)


def _slotted(annotations: Annotations) -> Any:
    return _new(annotations, __init__=_init, __slots__=tuple(annotations))


def _protocol(annotations: Annotations) -> Any:
    if annotations.get("held") is not Name:
        raise NotApplicableError  # the protocol says what it is
    return _new({name: kind for name, kind in annotations.items() if name != "held"}, (Named,), __init__=_init)


KINDS = {
    "attrs": Kind(
        lambda a: attrs.define(_new(a)), inherit=lambda cls, **members: attrs.define(_inherit(cls, **members))
    ),
    "dataclass": Kind(lambda a: dataclasses.dataclass(_new(a))),
    "dataclass, slots": Kind(lambda a: dataclasses.dataclass(_new(a), slots=True)),
    "pydantic model": Kind(lambda a: _new(a, (pydantic.BaseModel,), model_config={"arbitrary_types_allowed": True})),
    "pydantic dataclass": Kind(lambda a: pydantic.dataclasses.dataclass(_new(a))),
    "msgspec Struct": Kind(lambda a: _new(a, (msgspec.Struct,))),
    "SQLAlchemy `Mapped`": Kind(_mapped),
    "SQLAlchemy `Column(info=)`": Kind(_columns, of_annotations=False),
    "Django model": Kind(_django, inherit=_proxy),
    "NamedTuple": Kind(lambda a: NamedTuple("Made", list(a.items()))),
    "TypedDict": Kind(_typed_dict, inherit=_sub_view),
    "plain class": Kind(_plain),
    "plain class, slots": Kind(_slotted),
    "Protocol": Kind(_protocol),
    "namedtuple, `mark`": Kind(_named_tuple, of_annotations=False),
    "other class, `mark`": Kind(_table, of_annotations=False),
}


def guard(cls: Any) -> Any:
    """Guard a class; a TypedDict has nothing to guard."""
    if type(cls).__name__ == "_TypedDictMeta":
        raise NotApplicableError
    return guarded(cls)
