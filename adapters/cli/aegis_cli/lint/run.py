"""Linting files: those with marks are read first, because they say what names mean in all of them."""

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from aegis_cli.lint.check import Check
from aegis_cli.lint.ignores import ignores, is_ignored
from aegis_cli.lint.knowledge import ALIASES, Knowledge
from aegis_cli.lint.model import Remark

_SKIPPED: Final = frozenset(
    ".git .hg .mypy_cache .nox .pytest_cache .ruff_cache .tox .venv __pycache__ build dist node_modules "
    "site-packages venv".split()
)

#: Words of a file that may have a marked field.
_MARKS: Final = re.compile(rf"\b(?:PHI|PII|SECRET|FINANCIAL|INTERNAL|{'|'.join(sorted(ALIASES))})\b")


@attrs.frozen
class Linted:
    """What came out of linting.

    Arguments:
        unreadable: files that are no Python.
    """

    files: int
    lines: int
    remarks: tuple[Remark, ...]
    unreadable: tuple[str, ...] = ()


def sources(paths: Iterable[Path], /) -> Iterator[Path]:
    """Every Python file among the paths and below them, in order; what tools put there is left out."""
    for path in paths:
        if path.is_dir():
            for folder, inner, names in os.walk(path):
                inner[:] = sorted(name for name in inner if name not in _SKIPPED)
                yield from (Path(folder, name) for name in sorted(names) if name.endswith((".py", ".pyi")))
        else:
            yield path


def lint(paths: Sequence[Path], /) -> Linted:
    """Lint files and folders."""
    knowledge = Knowledge()
    unreadable: list[str] = []
    files = list(dict.fromkeys(sources(paths)))
    for path in files:
        source = _text(path)
        if source is not None and _MARKS.search(source) and (tree := _tree(source)) is not None:
            knowledge.learn(tree)
    remarks: list[Remark] = []
    lines = 0
    for path in files:
        source = _text(path)
        tree = None if source is None else _tree(source)
        if source is None or tree is None:
            unreadable.append(str(path))
            continue
        try:
            remarks += _remarks(str(path), source, tree, knowledge)
        except RecursionError:  # nested deeper than anybody writes
            unreadable.append(str(path))
            continue
        lines += source.count("\n") + 1
    return Linted(len(files) - len(unreadable), lines, tuple(sorted(remarks)), tuple(unreadable))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def lint_text(file: str, source: str, /) -> list[Remark]:
    """Lint one text.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source)
    knowledge = Knowledge()
    knowledge.learn(tree)
    return sorted(_remarks(file, source, tree, knowledge))


def _remarks(file: str, source: str, tree: ast.Module, knowledge: Knowledge) -> list[Remark]:
    check = Check(file, knowledge)
    check.visit(tree)
    let_be, wrong = ignores(file, source)
    once = {(each.line, each.column, each.code): each for each in check.remarks}  # "/" + a + "/" + b is one URL
    return [*wrong, *(remark for remark in once.values() if not is_ignored(remark, let_be))]
