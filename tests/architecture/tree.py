"""The source tree as data: which file imports what, and where."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CORE = ROOT / "aegis_core"

#: Ground floor first. Rooms of one floor may know each other's port and model.
FLOORS = (
    {"marks"},
    {"kernel"},
    {"crypto"},
    {"privacy", "resilience", "observability", "settings", "flags", "identity", "access"},
    {"audit", "storage", "cache", "events", "jobs"},
    {"notifications", "search", "i18n"},
    {"local"},
    {"app"},
    {"blocking"},
    {"testing"},
)


class Import(NamedTuple):
    """One imported module, and whether the import runs when the file is loaded."""

    module: str
    line: int
    at_load: bool
    for_types: bool


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def module_of(file: Path) -> str:
    """The dotted name of a file of the core."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def rooms() -> list[str]:
    """Every package of the core, as a dotted name."""
    return [module_of(file) for file in core_files() if file.name == "__init__.py"]


def committed() -> list[Path]:
    """Every file under version control that is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [file for name in listed.decode().split("\0") if name and (file := ROOT / name).is_file()]


def imports(file: Path) -> Iterator[Import]:
    """Every import in a file, relative ones made absolute; `from a import b` counts as `a.b` where that is a module."""
    package = module_of(file) if file.name == "__init__.py" else module_of(file).rpartition(".")[0]
    yield from _walk(parsed(file).body, package, at_load=True, for_types=False)


def _walk(body: list[ast.stmt], package: str, *, at_load: bool, for_types: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_load, for_types)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join((*above, source)).rstrip(".")
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield Import(name if is_module(name) else source, node.lineno, at_load, for_types)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _walk(node.body, package, at_load=at_load, for_types=True)
            yield from _walk(node.orelse, package, at_load=at_load, for_types=for_types)
        else:
            inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for child in ("body", "orelse", "finalbody"):
                yield from _walk(getattr(node, child, []), package, at_load=at_load and not inner, for_types=for_types)
            for handler in getattr(node, "handlers", []):
                yield from _walk(handler.body, package, at_load=at_load and not inner, for_types=for_types)


def is_module(name: str) -> bool:
    """Whether a dotted name is a file or folder of the core."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def floor_of(module: str) -> int | None:
    """The floor of a module of the core; None: the front door and what every floor shares."""
    parts = module.split(".")
    if parts[0] != "aegis_core" or len(parts) == 1:
        return None
    return next((number for number, floor in enumerate(FLOORS) if parts[1] in floor), None)
