"""What the sources themselves say: names of marked fields, and classes that have some."""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from aegis_cli.names import words
from aegis_core.marks import aliases, date_aliases

#: Names of aegis_core that mark what they annotate.
ALIASES: Final = frozenset(
    name for module in (aliases, date_aliases) for name in vars(module) if name[:1].isupper() and name != "Final"
) - {"Annotated", "TypeAlias", "PHI", "PII", "SECRET", "FINANCIAL"}
_TAXONOMIES: Final = frozenset(("PHI", "PII", "SECRET", "FINANCIAL", "INTERNAL"))

#: Fields of these names are marked in many classes, and variables of these names hold anything.
_TOO_COMMON: Final = frozenset(
    "name names value text id code date status type result results note notes line lines address city key data title "
    "to target kind label number reason details user token state description content body message subject url "
    "time".split()
)


class Knowledge:
    """What is learned from all sources that are looked at, before any is judged."""

    def __init__(self) -> None:
        self.fields: set[tuple[str, ...]] = set()
        self.classes: set[tuple[str, ...]] = set()
        self.guarded: set[tuple[str, ...]] = set()  # those of them whose text tells nothing

    def learn(self, tree: ast.Module) -> None:
        """Read the classes of a module."""
        for node in _classes(tree.body):
            marked = [
                target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign)
                and isinstance(target := item.target, ast.Name)
                and is_marked(item.annotation)
            ]
            if marked:
                self.classes.add(words(node.name))
                if any("guarded" in ast.dump(each) for each in node.decorator_list):
                    self.guarded.add(words(node.name))
            for name in marked:
                if name not in _TOO_COMMON:
                    self.fields.add(words(name))

    def is_field(self, name: str) -> bool:
        """Whether a name is that of a marked field."""
        return words(name) in self.fields

    def class_of(self, name: str) -> tuple[str, ...]:
        """The class with marked fields that a name says: ``lab_order`` and ``LabOrder``; empty if it says none."""
        said = words(name)
        return next((each for each in (said, said[-1:]) if each in self.classes), ())


def _classes(body: Iterable[ast.stmt]) -> Iterator[ast.ClassDef]:
    """Every class of a module, wherever it stands; expressions are not looked into."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node
        for inner in ("body", "orelse", "finalbody"):
            yield from _classes(getattr(node, inner, ()))


def is_marked(annotation: ast.expr) -> bool:
    """Whether an annotation bears a mark: an alias, ``Annotated[…, PHI.NAME]``, either inside of something."""
    for node in ast.walk(annotation):
        match node:
            case ast.Name(id=name) if name in ALIASES:
                return True
            case ast.Attribute(value=ast.Name(id=taxonomy)) if taxonomy in _TAXONOMIES:
                return True
            case ast.Attribute(attr=name, value=ast.Name(id="aegis_core")) if name in ALIASES:
                return True
            case ast.Constant(value=str() as text) if annotation is node and _is_marked_text(text):
                return True
            case _:
                continue
    return False


def _is_marked_text(text: str) -> bool:
    try:
        return is_marked(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return False


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterable[ast.arg]:
    """Every parameter of a function."""
    given = function.args
    yield from (*given.posonlyargs, *given.args, *given.kwonlyargs)
