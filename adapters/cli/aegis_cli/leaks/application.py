"""An imported application, as the doors look at it: what is loaded, never what could be."""

import gc
import inspect
import logging
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import attrs

from aegis_cli.leaks.sources import line_of_assignment, line_of_call
from aegis_core import DataClass, marks_of

T = TypeVar("T")


@attrs.frozen
class OwnClass:
    """A class of the application.

    Arguments:
        marks: the class of each field, None for one without a mark.
    """

    type: type
    name: str
    marks: dict[str, DataClass | None]
    file: str
    line: int

    @property
    def marked(self) -> tuple[str, ...]:
        """Names of the fields whose values must not leave."""
        return tuple(name for name, mark in self.marks.items() if mark is not None and mark.taxonomy != "public")


class Application:
    """The process after the target was imported.

    Arguments:
        root: the folder that the target was imported from; what lies under it is the team's own.
        target: the module that was named.
    """

    def __init__(self, root: Path, target: ModuleType) -> None:
        self.root = root.resolve()
        self.target = target
        self.here = Path.cwd().resolve()  # where servers and tools are started, and look for their files

    def module(self, name: str) -> Any:
        """A module if the application has loaded it, else None: nothing is imported in order to look at it."""
        return sys.modules.get(name)

    @cached_property
    def modules(self) -> tuple[ModuleType, ...]:
        """The team's own modules, by name."""
        loaded: list[tuple[str, Any]] = sorted(sys.modules.items())  # anything may stand in there
        own = [module for _, module in loaded if isinstance(module, ModuleType) and self.owns(module)]
        return tuple(dict.fromkeys(own))

    def owns(self, module: ModuleType) -> bool:
        """Whether a module's file lies under the root, and is nothing that was installed there, and none of ours."""
        if type(module).__name__ == "_LazyModule":  # nobody has used it yet, and looking at it would load it
            return False
        file = getattr(module, "__file__", None)
        if not file:
            return False
        path = Path(file).resolve()
        if not path.is_relative_to(self.root):
            return False
        package, looked_at = module.__name__.partition(".")[0], self.target.__name__.partition(".")[0]
        if package in {"aegis_core", "aegis_cli"} and package != looked_at:  # installed from a checkout
            return False
        return module is self.target or not {"site-packages", "dist-packages"} & set(path.parts)

    @cached_property
    def classes(self) -> tuple[OwnClass, ...]:
        """The team's own classes, also those that stand inside others."""
        found: dict[type, OwnClass] = {}
        for module in self.modules:
            for type_ in _classes_in(vars(module), module.__name__):
                if type_ not in found:
                    file, line = self.source(type_)
                    found[type_] = OwnClass(type_, type_.__qualname__, _marks(type_), file, line)
        return tuple(found.values())

    @property
    def marked_classes(self) -> tuple[OwnClass, ...]:
        """Those of them that have a marked field."""
        return tuple(own for own in self.classes if own.marked)

    def instances(self, type_: type[T]) -> list[T]:
        """Every living object of a class. Objects are asked for their type alone, so that no proxy wakes."""
        return [found for found in gc.get_objects() if issubclass(type(found), type_)]

    def name_of(self, value: object, otherwise: str) -> str:
        """The name under which a module of the application holds a value, such as ``app.db.engine``."""
        for module in self.modules:
            for name, held in list(vars(module).items()):
                if held is value:
                    return f"{module.__name__}.{name}"
        return otherwise

    def source(self, value: Any) -> tuple[str, int]:
        """File and line of a class or function; empty and 0 where Python does not know them."""
        try:
            file = inspect.getsourcefile(value) or ""
            line = inspect.getsourcelines(value)[1]
        except (OSError, TypeError):
            return "", 0
        return self.relative(file), line

    def assigned(self, name: str) -> tuple[str, int]:
        """File and line at which a module of the application sets a name, such as ``app.db.engine``."""
        module, _, attribute = name.rpartition(".")
        file = getattr(self.module(module), "__file__", None) or ""
        line = line_of_assignment(Path(file), attribute) if file.endswith(".py") else 0
        return (self.relative(file), line) if line else ("", 0)

    def called(self, function: str) -> tuple[str, int]:
        """File and line at which the application first calls a function, such as ``sentry_sdk.init``."""
        for module in self.modules:
            file = module.__file__ or ""
            line = line_of_call(Path(file), function) if file.endswith(".py") else 0
            if line:
                return self.relative(file), line
        return "", 0

    def relative(self, file: str) -> str:
        """A path as it is shown: from the working directory, where it lies under it; else from the root."""
        path = Path(file).resolve()
        above = next((each for each in (self.here, self.root) if path.is_relative_to(each)), None)
        return str(path.relative_to(above)) if above else file


def _marks(type_: type) -> dict[str, DataClass | None]:
    try:
        return dict(marks_of(type_))
    except Exception:  # noqa: BLE001 - a class that can't be asked, such as one of a metaclass that raises
        return {}


def _classes_in(names: dict[str, Any], module: str) -> Iterator[type]:
    for value in list(names.values()):
        if issubclass(type(value), type) and value.__module__ == module:  # a proxy or lazy module is not woken
            yield value
            yield from (inner for inner in _classes_in(dict(vars(value)), module) if inner is not value)


def redacts(handler: logging.Handler) -> bool:
    """Whether a handler redacts what it writes: `aegis_core.install_logging` was there."""
    return bool(getattr(handler.__dict__.get("handle"), "__aegis_redacts__", False))
