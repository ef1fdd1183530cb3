"""What a class looks like to the marks: its fields, their classes, and how to read them without side effects."""

import typing
from collections.abc import Iterable, Mapping

from aegis_core.marks.annotations import Scope, Unresolvable
from aegis_core.marks.members import Access, Members, is_enumeration, members_of
from aegis_core.marks.names import learn
from aegis_core.marks.taxonomy import UNKNOWN, DataClass


class Field:
    """One field of a shape."""

    __slots__ = ("aliases", "data_class", "is_loose", "is_open", "name")

    def __init__(
        self, name: str, data_class: DataClass | None, *, aliases: Iterable[str] = (), is_open: bool = False
    ) -> None:
        self.name = name
        self.data_class = data_class
        self.aliases = tuple(alias for alias in aliases if alias != name)
        self.is_open = is_open  # its type is a type variable that nobody has filled in
        self.is_loose = False  # it has no annotation that could bear a mark: then its name has to


class Shape:
    """The fields of a class."""

    __slots__ = ("access", "closed", "extra", "fields", "missing")

    def __init__(
        self,
        access: Access,
        fields: Iterable[Field],
        missing: Iterable[str] = (),
        *,
        extra: DataClass | None = None,
        closed: bool = False,
    ) -> None:
        self.access: Access = access
        self.closed = closed  # what an instance holds besides its fields was put there by a query
        self.fields = tuple(fields)
        self.extra = extra  # the class of everything that an instance holds besides its fields
        self.missing = tuple(missing)  # annotations that can't be resolved; then every field is erased


MOST_TYPES: typing.Final = 4096  #: shapes and plans kept; programs that make classes without end start over

_tables: dict[type, dict[str, DataClass]] = {}
_shapes: dict[type, Shape | None] = {}
_said: set[str] = set()


def mark(type_: type, /, **fields: DataClass) -> None:
    """Mark the fields of a class that is not yours, such as a Django model or a client library's record.

    Only what lies in an instance's ``__dict__`` and in slots of these names is read. Marks hold for subclasses, too.
    The members of an enumeration are marked as ``value``.

    Arguments:
        fields: attribute name → class.
    """
    for name, data_class in fields.items():
        if not isinstance(typing.cast(object, data_class), DataClass):
            raise TypeError(f"the mark of {type_.__qualname__}.{name} must be a DataClass, such as PHI.NAME")
    _tables.setdefault(type_, {}).update(fields)
    _shapes.clear()
    if not is_enumeration(type_):
        for name, data_class in fields.items():
            learn(name, data_class)
    shape_of(type_, quiet=True)  # aliases of the fields are learned, too
    from aegis_core.marks.redaction import forget_plans

    forget_plans()


def marks_of(type_: type, /) -> Mapping[str, DataClass | None]:
    """Give the class of every field of ``type_``; None where it bears no mark.

    Reads attrs classes, dataclasses, named tuples, pydantic models, SQLAlchemy and Django models, msgspec structs,
    TypedDicts, enumerations that say so of ``_value_``, classes with marked annotations and classes given to `mark`; of
    any other class it gives nothing. Names of marked fields are learned.
    Where an annotation can't be resolved every field is ``unknown.unresolved``, and that is logged once a class.
    """
    shape = shape_of(type_)
    return {field.name: field.data_class for field in shape.fields} if shape else {}


def shape_of(type_: type, /, *, quiet: bool = False) -> Shape | None:
    """Read a class's shape, learn its names, and keep it. None: the marks know nothing of such a class.

    Arguments:
        quiet: neither keep nor say that annotations can't be resolved: they may be by the time an instance exists.
    """
    try:
        return _shapes[type_]
    except KeyError:
        pass
    shape = _read(type_, quiet=quiet)
    if shape and shape.missing:
        if quiet:
            return shape
        _say_once(type_, shape.missing)
    if len(_shapes) >= MOST_TYPES:
        _shapes.clear()
    _shapes[type_] = shape
    return shape


def _say_once(type_: type, missing: tuple[str, ...]) -> None:
    name = f"{type_.__module__}.{type_.__qualname__}"
    if name in _said:
        return
    _said.add(name)
    import logging

    logging.getLogger("aegis_core.marks").warning(
        "every field of %s is erased: its annotations can't be resolved (%s)", name, "; ".join(missing)
    )


def _read(type_: type, *, quiet: bool) -> Shape | None:
    table: dict[str, DataClass] = {}
    for base in reversed(type_.__mro__):
        table.update(_tables.get(base, {}))
    declared = members_of(type_)
    if declared is None:
        if not table:
            return None
        declared = Members("state", {}, Scope(type_), shown=False)
    fields: dict[str, Field] = {}
    missing: list[str] = []
    nested: list[type] = []
    for name, member in declared.members.items():
        field = fields[name] = Field(name, member.given, aliases=member.aliases)
        try:
            findings = declared.scope.read(member.annotation)
        except Unresolvable as problem:
            missing.append(f"{name}: {problem}")
            field.data_class = member.given or UNKNOWN.UNRESOLVED
            continue
        field.data_class = member.given or findings.data_class or declared.scope.inherited(name)
        field.is_loose = member.annotation is None and field.data_class is None
        field.is_open = findings.has_open_variable and field.data_class is None
        nested += findings.types
    for name, data_class in table.items():
        known = fields.get(name) or next((field for field in fields.values() if name in field.aliases), None)
        place = known.name if known else name
        fields[place] = Field(place, data_class, aliases=(*(known.aliases if known else ()), name))
    if not declared.shown and not any(field.data_class for field in fields.values()):
        return None
    if declared.access != "member":  # values of an enumeration go by no name of their own
        _learn(declared, fields.values(), quiet=quiet)
    if missing:
        for field in fields.values():
            field.data_class = field.data_class or UNKNOWN.UNRESOLVED
    extra = _class_of(declared.scope, declared.extra)
    shape = Shape(declared.access, fields.values(), missing, extra=extra, closed=declared.closed)
    _learn_nested(type_, shape, nested)
    return shape


def _learn(declared: Members, fields: Iterable[Field], *, quiet: bool) -> None:
    for field in fields:
        # What may be resolved later is not learned as unknown now: a name is never unlearned.
        if field.data_class and not (quiet and field.data_class is UNKNOWN.UNRESOLVED):
            for name in (field.name, *field.aliases):
                learn(name, field.data_class)
    for name, annotation in declared.unwritten:
        if data_class := _class_of(declared.scope, annotation):
            learn(name, data_class)


def _class_of(scope: Scope, annotation: object) -> DataClass | None:
    """Give the mark of what is not written with an instance: where it can't be resolved there is none to be found."""
    try:
        return scope.read(annotation).data_class if annotation is not None else None
    except Unresolvable:
        return None


def _learn_nested(type_: type, shape: Shape, nested: list[type]) -> None:
    _shapes[type_] = shape  # before the classes that it names are read: they may name it
    try:
        for other in nested:
            if other.__module__ not in {"builtins", "typing", "datetime", "collections", "collections.abc"}:
                shape_of(other, quiet=True)
    finally:
        _shapes.pop(type_, None)
