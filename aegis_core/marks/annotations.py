"""Finding the mark in an annotation, however deep it lies: ``Optional[list[Annotated[str, PHI.NAME]]]``."""

import sys
import typing
from collections.abc import Mapping

from aegis_core.marks.taxonomy import UNKNOWN, DataClass

MAX_DEPTH: typing.Final = 24


class Unresolvable(Exception):
    """An annotation names something that can't be found from its class."""


class Findings:
    """What one annotation says."""

    __slots__ = ("has_open_variable", "marks", "types")

    def __init__(self) -> None:
        self.marks: list[DataClass] = []
        self.types: list[type] = []  # classes it names, so that their marks are learned, too
        self.has_open_variable = False

    @property
    def data_class(self) -> DataClass | None:
        """The one class it is marked with; ``unknown.ambiguous`` where there are several, None where there is none.

        ``public.data`` counts only where it is the only mark.
        """
        closed = {found for found in self.marks if found.taxonomy != "public"}
        if len(closed) > 1:
            return UNKNOWN.AMBIGUOUS
        return next(iter(closed), self.marks[0] if self.marks else None)


def own_annotations(type_: type, /) -> Mapping[str, object]:
    """Give the annotations that a class's own body wrote, not evaluated further than they are."""
    found = type_.__dict__.get("__annotations__")
    if isinstance(found, dict):
        return found
    if "__annotate_func__" in type_.__dict__:  # Python 3.14 keeps a function in their place (PEP 649)
        import annotationlib  # type: ignore[import-not-found]

        kept: Mapping[str, object] = annotationlib.get_annotations(type_, format=annotationlib.Format.FORWARDREF)
        return kept
    return {}


class Scope:
    """Where the names of a class's annotations are looked up, and what its type variables stand for.

    Arguments:
        owner: the class whose annotations are read.
        extra: further names, such as the classes of an ORM's registry.
    """

    def __init__(self, owner: type, extra: Mapping[str, object] | None = None) -> None:
        self.owner = owner
        self.extra = extra or {}
        self.variables: dict[object, object] = {}
        self._within: list[object] = []  # aliases that are being read: they may name themselves
        for base in owner.__mro__:
            for generic in base.__dict__.get("__orig_bases__", ()):
                parameters = getattr(getattr(generic, "__origin__", None), "__parameters__", ())
                for variable, filled in zip(parameters, getattr(generic, "__args__", ()), strict=False):
                    if variable is not filled:
                        self.variables.setdefault(variable, filled)

    def annotation(self, name: str) -> object:
        """Give the annotation of attribute ``name`` as written, and remember the class that wrote it."""
        for base in self.owner.__mro__:
            own = own_annotations(base)
            if name in own:
                return _Written(own[name], base)
        return None

    def inherited(self, name: str) -> DataClass | None:
        """Give the mark that a base class wrote at ``name``: a field declared anew is not unmarked by silence."""
        for base in self.owner.__mro__:
            own = own_annotations(base)
            if name in own:
                try:
                    found = self.read(_Written(own[name], base)).data_class
                except Unresolvable:
                    continue
                if found is not None:
                    return found
        return None

    def written_by(self, writer: type, annotation: object) -> object:
        """Remember which class wrote ``annotation``: its names are looked up there."""
        return _Written(annotation, writer)

    def read(self, annotation: object) -> Findings:
        """Find marks, classes and open type variables in ``annotation``.

        Raises:
            Unresolvable: if it names something that can't be found.
        """
        findings = Findings()
        if isinstance(annotation, _Written):
            self._collect(annotation.annotation, annotation.writer, findings, MAX_DEPTH)
        else:
            self._collect(annotation, self.owner, findings, MAX_DEPTH)
        return findings

    def _collect(self, annotation: object, writer: type, findings: Findings, left: int) -> None:
        if left <= 0:
            raise Unresolvable("nested too deeply")
        left -= 1
        if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
            findings.types.append(annotation)
            return
        if type(annotation).__name__ in _VARIABLES and annotation in self.variables:
            self._collect_filled(annotation, writer, findings, left)
            return
        alias = typing.get_origin(annotation) or annotation
        if type(alias).__name__ == "TypeAliasType":
            self._collect_alias(alias, typing.get_args(annotation), writer, findings, left)
            return
        for inner in self._inside(annotation, writer, findings):
            self._collect(inner, writer, findings, left)

    def _collect_filled(self, variable: object, writer: type, findings: Findings, left: int) -> None:
        outer = self.variables
        # ``class Page(Base[list[T]])``: what it is filled with may name the same variable, which then is another one.
        self.variables = {other: filled for other, filled in outer.items() if other is not variable}
        try:
            self._collect(outer[variable], writer, findings, left)
        finally:
            self.variables = outer

    def _collect_alias(
        self, alias: typing.Any, filled: tuple[object, ...], writer: type, findings: Findings, left: int
    ) -> None:
        """Read what a ``type`` statement stands for (PEP 695): its own variables are filled in while it is read."""
        for argument in filled:
            self._collect(argument, writer, findings, left)
        if alias in self._within:
            return
        outer = self.variables
        own = zip(alias.__type_params__, filled, strict=False)
        self.variables = outer | {variable: argument for variable, argument in own if variable is not argument}
        self._within.append(alias)
        try:
            self._collect(alias.__value__, writer, findings, left)
        finally:
            self._within.pop()
            self.variables = outer

    def _inside(self, annotation: object, writer: type, findings: Findings) -> "typing.Iterable[object]":
        """Give what lies one level below, and note what lies on this one."""
        if isinstance(annotation, typing.ForwardRef):
            return (self._evaluate(annotation.__forward_arg__, writer, annotation.__forward_module__),)
        if isinstance(annotation, str):
            return (self._evaluate(annotation, writer),)
        kind = type(annotation).__name__
        if kind in _VARIABLES:
            findings.has_open_variable = True
            return _may_stand_for(annotation)
        if kind == "NewType":
            return (annotation.__supertype__,)  # type: ignore[attr-defined]
        if kind == "InitVar":
            return (annotation.type,)  # type: ignore[attr-defined]
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            findings.marks.extend(item for item in annotation.__metadata__ if isinstance(item, DataClass))  # type: ignore[attr-defined]
            return (annotation.__origin__,)  # type: ignore[attr-defined]
        if origin is typing.Literal:
            return ()
        inside: list[object] = []
        for argument in typing.get_args(annotation):
            inside.extend(argument) if isinstance(argument, list | tuple) else inside.append(argument)
        if isinstance(origin, type):
            findings.types.append(origin)
        return inside

    def _evaluate(self, written: str, writer: type, module_name: object = None) -> object:
        # A TypedDict keeps no trace of the class that wrote an annotation, but its annotations know their module.
        named = module_name if isinstance(module_name, str) else getattr(module_name, "__name__", writer.__module__)
        module = sys.modules.get(named)
        # A decorator sees its class before the module does.
        names = {self.owner.__name__: self.owner, writer.__name__: writer, **self.extra, **vars(writer)}
        try:
            return eval(written, dict(vars(module)) if module else {}, names)  # noqa: S307 - what typing.get_type_hints does
        except Exception as problem:  # noqa: BLE001 - whatever the expression raises, it can't be resolved
            raise Unresolvable(str(problem)) from None


_VARIABLES: typing.Final = frozenset(("TypeVar", "TypeVarTuple", "ParamSpec"))


def _may_stand_for(variable: object) -> tuple[object, ...]:
    """What may stand in the place of a type variable bears marks, too."""
    bounds = (getattr(variable, "__bound__", None), getattr(variable, "__default__", None))
    given = (bound for bound in bounds if bound is not None and type(bound).__name__ != "NoDefaultType")
    return (*given, *getattr(variable, "__constraints__", ()))


class _Written:
    __slots__ = ("annotation", "writer")

    def __init__(self, annotation: object, writer: type) -> None:
        self.annotation = annotation
        self.writer = writer
