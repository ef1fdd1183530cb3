"""What a class looks like to the marks: its fields, their classes, and how to read them without side effects."""

import sys
import typing
from collections.abc import Iterable, Mapping

from aegis_core.marks.annotations import Scope, Unresolvable, own_annotations
from aegis_core.marks.names import learn
from aegis_core.marks.taxonomy import UNKNOWN, DataClass

Access = typing.Literal["attributes", "model", "state", "mapping"]
"""How values are read: by attribute; by attribute with pydantic's extras; from the instance's ``__dict__`` alone, so
that nothing unloaded is loaded; by key."""


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

    __slots__ = ("access", "fields", "missing")

    def __init__(self, access: Access, fields: Iterable[Field], missing: Iterable[str] = ()) -> None:
        self.access: Access = access
        self.fields = tuple(fields)
        self.missing = tuple(missing)  # annotations that can't be resolved; then every field is erased


MOST_TYPES: typing.Final = 4096  #: shapes and plans kept; programs that make classes without end start over

_tables: dict[type, dict[str, DataClass]] = {}
_shapes: dict[type, Shape | None] = {}
_said: set[str] = set()


def mark(type_: type, /, **fields: DataClass) -> None:
    """Mark the fields of a class that is not yours, such as a Django model or a client library's record.

    Only what lies in an instance's ``__dict__`` and in slots of these names is read. Marks hold for subclasses, too.

    Arguments:
        fields: attribute name → class.
    """
    for name, data_class in fields.items():
        if not isinstance(typing.cast(object, data_class), DataClass):
            raise TypeError(f"the mark of {type_.__qualname__}.{name} must be a DataClass, such as PHI.NAME")
    _tables.setdefault(type_, {}).update(fields)
    _shapes.clear()
    for name, data_class in fields.items():
        learn(name, data_class)
    from aegis_core.marks.redaction import forget_plans

    forget_plans()


def marks_of(type_: type, /) -> Mapping[str, DataClass | None]:
    """Give the class of every field of ``type_``; None where it bears no mark.

    Reads attrs classes, dataclasses, named tuples, pydantic models, SQLAlchemy models, TypedDicts, classes with marked
    annotations and classes given to `mark`; of any other class it gives nothing. Names of marked fields are learned.
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
    members = _members(type_)
    if members is None and not table:
        return None
    access, names, scope = members or ("state", {}, Scope(type_))
    fields: dict[str, Field] = {}
    missing: list[str] = []
    nested: list[type] = []
    for name, (annotation, given, aliases) in names.items():
        field = Field(name, given, aliases=aliases)
        fields[name] = field
        try:
            findings = scope.read(annotation)
        except Unresolvable as problem:
            missing.append(f"{name}: {problem}")
            field.data_class = given or UNKNOWN.UNRESOLVED
            continue
        field.data_class = given or findings.data_class
        field.is_loose = annotation is None and field.data_class is None
        field.is_open = findings.has_open_variable and field.data_class is None
        nested += findings.types
    for name, data_class in table.items():
        fields[name] = Field(name, data_class, aliases=fields[name].aliases if name in fields else ())
    if access == "state" and not any(field.data_class for field in fields.values()) and not _is_mapped(type_):
        return None
    for field in fields.values():
        # What may be resolved later is not learned as unknown now: a name is never unlearned.
        if field.data_class and not (quiet and field.data_class is UNKNOWN.UNRESOLVED):
            for name in (field.name, *field.aliases):
                learn(name, field.data_class)
    if missing:
        for field in fields.values():
            field.data_class = field.data_class or UNKNOWN.UNRESOLVED
    shape = Shape(access, fields.values(), missing)
    _learn_nested(type_, shape, nested)
    return shape


def _learn_nested(type_: type, shape: Shape, nested: list[type]) -> None:
    _shapes[type_] = shape  # before the classes that it names are read: they may name it
    try:
        for other in nested:
            if other.__module__ not in {"builtins", "typing", "datetime", "collections", "collections.abc"}:
                shape_of(other, quiet=True)
    finally:
        _shapes.pop(type_, None)


Members = dict[str, tuple[object, DataClass | None, tuple[str, ...]]]


def _members(type_: type) -> tuple[Access, Members, Scope] | None:
    own = Scope(type_)
    if _is_mapped(type_):
        return _mapped(type_)
    if "__pydantic_fields__" in type_.__dict__ and not hasattr(type_, "__dataclass_fields__"):
        return _pydantic(type_, own)
    if (attributes := getattr(type_, "__attrs_attrs__", None)) is not None:
        members: Members = {}
        for attribute in attributes:
            written = own.annotation(attribute.name)
            annotation = written if written is not None else attribute.type
            members[attribute.name] = (annotation, None, (attribute.alias or attribute.name,))
        return "attributes", members, own
    if (declared := getattr(type_, "__dataclass_fields__", None)) is not None:
        names = [name for name, field in declared.items() if field._field_type.name == "_FIELD"]
        return "attributes", {name: (own.annotation(name), None, (name.lstrip("_"),)) for name in names}, own
    if type(type_).__name__ == "_TypedDictMeta":
        annotations = type_.__annotations__
        return "mapping", {name: (annotation, None, ()) for name, annotation in annotations.items()}, own
    if issubclass(type_, tuple) and hasattr(type_, "_fields"):
        names = list(getattr(type_, "_fields"))  # noqa: B009 - the type checkers know no such attribute of a tuple
        return "attributes", {name: (own.annotation(name), None, ()) for name in names}, own
    annotated = {name for base in type_.__mro__ for name in own_annotations(base)}
    if annotated and type_.__module__ != "builtins":
        return "state", {name: (own.annotation(name), None, (name.lstrip("_"),)) for name in sorted(annotated)}, own
    return None


def _pydantic(type_: type, own: Scope) -> tuple[Access, Members, Scope]:
    members: Members = {}
    for name, field in type_.__pydantic_fields__.items():  # type: ignore[attr-defined]
        given = [item for item in field.metadata if isinstance(item, DataClass)]
        choices = (field.alias, field.serialization_alias, *_validation_aliases(field.validation_alias))
        aliases = tuple(alias for alias in choices if isinstance(alias, str))
        # pydantic resolves names that we can't (of enclosing functions), so its own reading comes first.
        annotation: object = field.annotation if type_.__pydantic_complete__ else own.annotation(name)  # type: ignore[attr-defined]
        for item in given:
            annotation = typing.Annotated[annotation, item]
        members[name] = (annotation, None, aliases)
    return "model", members, own


def _validation_aliases(alias: object) -> Iterable[object]:
    if alias is None or isinstance(alias, str):
        return (alias,)
    return [path if isinstance(path, str) else path.path[0] for path in getattr(alias, "choices", [alias])]


def _is_mapped(type_: type) -> bool:
    return "sqlalchemy.orm" in sys.modules and hasattr(getattr(type_, "__mapper__", None), "columns")


def _mapped(type_: type) -> tuple[Access, Members, Scope]:
    """Read a SQLAlchemy model without configuring its mappers and without touching an instance."""
    mapper = type_.__mapper__  # type: ignore[attr-defined]
    registered = {other.class_.__name__: other.class_ for other in mapper.registry.mappers}
    scope = Scope(type_, registered)
    members: Members = {}
    for name, column in mapper.columns.items():
        given = next((value for value in column.info.values() if isinstance(value, DataClass)), None)
        members[name] = (scope.annotation(name), given, (column.name,))
    for base in type_.__mro__:
        for name, written in own_annotations(base).items():
            if name in members or "ClassVar" in str(written) or "Mapped" not in str(written):
                continue
            # A relationship: what it leads to follows its own plan, so an unknown name in it hides no mark.
            try:
                scope.read(annotation := scope.annotation(name))
            except Unresolvable:
                annotation = None
            members[name] = (annotation, None, ())
    return "state", members, scope
