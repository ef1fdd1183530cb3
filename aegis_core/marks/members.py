"""What classes of each library declare: their members, and the names that lead to marked values besides them."""

import sys
import typing
from collections.abc import Iterable, Iterator, Mapping

from aegis_core.marks.annotations import Scope, Unresolvable, own_annotations
from aegis_core.marks.taxonomy import DataClass

Access = typing.Literal["attributes", "model", "state", "mapping", "member"]
"""How values are read: by attribute; by attribute with pydantic's extras; from the instance's ``__dict__`` alone, so
that nothing unloaded is loaded; by key; as the value of an enumeration."""


class Member:
    """One declared member of a class.

    Arguments:
        annotation: as it was written, or None.
        given: the mark that it bears besides its annotation.
        aliases: other names of the same value.
    """

    __slots__ = ("aliases", "annotation", "given")

    def __init__(self, annotation: object, given: DataClass | None = None, aliases: Iterable[object] = ()) -> None:
        self.annotation = annotation
        self.given = given
        self.aliases = tuple(alias for alias in aliases if isinstance(alias, str))


class Members:
    """All that a class declares.

    Arguments:
        unwritten: names under which marked values go about without being written with an instance: properties,
            class variables, aliases of computed fields.
        extra: the annotation of what an instance may hold besides its members.
        shown: whether the class is written even where none of its members bears a mark.
        closed: whether these are all: a query puts what it computed on an instance, under names of its own.
    """

    __slots__ = ("access", "closed", "extra", "members", "scope", "shown", "unwritten")

    def __init__(
        self,
        access: Access,
        members: dict[str, Member],
        scope: Scope,
        *,
        unwritten: Iterable[tuple[str, object]] = (),
        extra: object = None,
        shown: bool = True,
        closed: bool = False,
    ) -> None:
        self.access: Access = access
        self.members = members
        self.scope = scope
        self.unwritten = [*unwritten, *_unwritten(members, scope)]
        self.extra = extra
        self.shown = shown
        self.closed = closed


def members_of(type_: type) -> Members | None:
    """Read what a class declares, without touching an instance. None: nothing that could bear a mark."""
    own = Scope(type_)
    if "sqlalchemy.orm" in sys.modules and hasattr(getattr(type_, "__mapper__", None), "columns"):
        return _sqlalchemy(type_)
    if "django.db.models" in sys.modules and hasattr(type_.__dict__.get("_meta"), "concrete_fields"):
        return _django(type_, own)
    if "__pydantic_fields__" in type_.__dict__ and not hasattr(type_, "__dataclass_fields__"):
        return _pydantic(type_, own)
    if (attributes := getattr(type_, "__attrs_attrs__", None)) is not None:
        members: dict[str, Member] = {}
        for attribute in attributes:
            written = own.annotation(attribute.name)
            annotation = written if written is not None else attribute.type
            members[attribute.name] = Member(annotation, None, (attribute.alias,))
        return Members("attributes", members, own)
    if (declared := getattr(type_, "__dataclass_fields__", None)) is not None:
        names = [name for name, field in declared.items() if field._field_type.name == "_FIELD"]
        by_pydantic = type_.__dict__.get("__pydantic_fields__", {})
        return _attributes(own, {name: _aliases(by_pydantic.get(name)) for name in names})
    if hasattr(type_, "__struct_fields__"):  # msgspec
        return _attributes(own, {n: (e,) for n, e in zip(type_.__struct_fields__, _encoded(type_), strict=True)})
    if type(type_).__name__ == "_TypedDictMeta":
        annotations: Mapping[str, object] = type_.__annotations__
        return Members("mapping", {name: Member(annotation) for name, annotation in annotations.items()}, own)
    if issubclass(type_, tuple) and hasattr(type_, "_fields"):
        named: list[str] = list(getattr(type_, "_fields"))  # noqa: B009 - no type checker knows it of a tuple
        return _attributes(own, dict.fromkeys(named, ()))
    if is_enumeration(type_):
        return Members("member", {"value": Member(own.annotation("_value_"))}, own, shown=False)
    annotated = sorted({name for base in type_.__mro__ for name in own_annotations(base)})
    if annotated and type_.__module__ != "builtins":
        return _attributes(own, dict.fromkeys(annotated, ()), access="state", shown=False)
    return None


def is_enumeration(type_: type) -> bool:
    """Say whether a class is an enumeration, whatever its metaclass is called."""
    return "enum" in sys.modules and isinstance(type_, sys.modules["enum"].EnumMeta)


def _attributes(
    own: Scope, names: Mapping[str, Iterable[object]], *, access: Access = "attributes", shown: bool = True
) -> Members:
    members = {name: Member(own.annotation(name), None, aliases) for name, aliases in names.items()}
    return Members(access, members, own, shown=shown)


def _encoded(type_: type) -> Iterable[object]:
    return getattr(type_, "__struct_encode_fields__", ())


def _unwritten(members: Mapping[str, Member], scope: Scope) -> Iterator[tuple[str, object]]:
    """Class variables, init-only parameters, private attributes; and what properties say that they return."""
    for base in scope.owner.__mro__:
        for name in own_annotations(base):
            if name not in members:
                yield name, scope.annotation(name)
        for name, value in list(vars(base).items()):
            getter = _getter(value)
            returned = getattr(getter, "__annotations__", {}).get("return")
            if returned is not None:
                yield name, scope.written_by(base, returned)


def _getter(value: object) -> object:
    if isinstance(value, property) or type(value).__name__ == "hybrid_property":
        return getattr(value, "fget", None)
    return getattr(value, "func", None) if type(value).__name__ == "cached_property" else None


def _pydantic(type_: typing.Any, own: Scope) -> Members:
    members: dict[str, Member] = {}
    for name, field in type_.__pydantic_fields__.items():
        # pydantic resolves names that we can't (of enclosing functions), so its own reading comes first.
        annotation: object = field.annotation if type_.__pydantic_complete__ else own.annotation(name)
        for item in field.metadata:
            if isinstance(item, DataClass):
                annotation = typing.Annotated[annotation, item]
        members[name] = Member(annotation, None, _aliases(field))
    computed = type_.__pydantic_decorators__.computed_fields.values()
    aliased = [
        (decorator.info.alias, decorator.info.return_type)
        for decorator in computed
        if isinstance(decorator.info.alias, str)
    ]
    return Members("model", members, own, unwritten=aliased, extra=own.annotation("__pydantic_extra__"))


def _aliases(field: typing.Any) -> Iterable[object]:
    """The names that a pydantic field has outside; of a path into nested values, the last one."""
    if field is None:
        return ()
    found = [field.alias, field.serialization_alias]
    validated = field.validation_alias
    for path in getattr(validated, "choices", [validated]):
        steps = getattr(path, "path", [path])
        found += [step for step in steps if isinstance(step, str)][-1:]
    return found


def _django(type_: typing.Any, own: Scope) -> Members:
    """Read a Django model: marks in annotations, or in an attribute ``data_class`` of a field. No query is made.

    Of a foreign key an instance holds ``patient_id``; ``patient`` is another name of it.
    """
    members: dict[str, Member] = {}
    for field in type_._meta.concrete_fields:
        given = getattr(field, "data_class", None)
        given = given if isinstance(given, DataClass) else None
        members[field.attname] = Member(own.annotation(field.name), given, (field.name, field.column))
    return Members("state", members, own, shown=False, closed=True)


def _sqlalchemy(type_: typing.Any) -> Members:
    """Read a SQLAlchemy model without configuring its mappers and without touching an instance."""
    mapper = type_.__mapper__
    try:
        registered = {other.class_.__name__: other.class_ for other in mapper.registry.mappers}
    except Exception:  # noqa: BLE001 - one class that could not be mapped must not make the others unreadable
        registered = {}
    scope = Scope(type_, registered)
    # Not `mapper.attrs`, which configures the mappers: classes that they name may not exist yet.
    properties: Mapping[str, typing.Any] = getattr(mapper, "_props", {})
    members: dict[str, Member] = {}
    for name, column in mapper.columns.items():
        annotation, aliases = scope.annotation(name), [getattr(column, "name", None)]
        given = _marked_in(properties.get(name)) or _marked_in(column)
        members[name] = Member(annotation, given, aliases)
    for name, prop in properties.items():
        if hasattr(prop, "composite_class"):
            _composite(name, prop, scope, members)
        elif (target := members.get(getattr(prop, "name", ""))) is not None and name not in members:  # a synonym
            target.aliases = (*target.aliases, name)
    for base in type_.__mro__:
        for name, written in own_annotations(base).items():
            if name in members or "ClassVar" in str(written) or "Mapped" not in str(written):
                continue
            # A relationship: what it leads to follows its own plan, so an unknown name in it hides no mark.
            try:
                scope.read(annotation := scope.annotation(name))
            except Unresolvable:
                annotation = None
            # What is no column and says its class itself: an attribute that opens a sealed one.
            given = getattr(base.__dict__.get(name), "data_class", None)
            members[name] = Member(annotation, given if isinstance(given, DataClass) else None)
    return Members("state", members, scope, closed=True)


def _marked_in(described: typing.Any) -> DataClass | None:
    marks = (value for value in (getattr(described, "info", None) or {}).values() if isinstance(value, DataClass))
    return next(marks, None)


def _composite(name: str, prop: typing.Any, scope: Scope, members: dict[str, Member]) -> None:
    """Give the columns of a composite the marks of the fields that they fill: an instance holds both."""
    parts = members_of(prop.composite_class) if isinstance(prop.composite_class, type) else None
    if parts is None:
        return
    for given, part in zip(prop.attrs, parts.members.values(), strict=False):
        column = given if isinstance(given, str) else getattr(given, "key", None) or given.column.name
        try:
            data_class = parts.scope.read(part.annotation).data_class
        except Unresolvable:
            continue
        for key, member in members.items():
            if column == key or column in member.aliases:
                member.given = member.given or data_class
    members[name] = Member(scope.annotation(name))
