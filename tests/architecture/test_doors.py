"""Doors are lazy, and what they promise to readers, tools and the interpreter is one and the same list."""

import ast
import importlib
import os
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, parsed, rooms

#: What a bare import must not load: each costs more than everything else together.
HEAVY = (
    "typing",
    "asyncio",
    "attrs",
    "attr",
    "cattrs",
    "cryptography",
    "aiofiles",
    "anyio",
    "importlib.metadata",
    "dataclasses",
)


def static_names(room: str) -> dict[str, str]:
    """Public name → module, as type checkers read it from the TYPE_CHECKING block."""
    file = ROOT.joinpath(*room.split("."), "__init__.py")
    found = {}
    for node in parsed(file).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom):
                    found |= {alias.asname or alias.name: inner.module or "" for alias in inner.names}
    return found


DOORS = [room for room in rooms() if static_names(room)]


@pytest.mark.parametrize("room", rooms())
def test_importing_a_room_loads_nothing_heavy(room):
    # `-S`: an environment's own start-up files may load anything; they are not ours to answer for.
    program = f"import {room}, sys; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")}
    command = [sys.executable, "-S", "-P", "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


@pytest.mark.parametrize("room", DOORS)
def test_all_dir_and_the_type_checkers_view_agree(room):
    module = importlib.import_module(room)
    static = static_names(room)
    assert sorted(module.__all__) == sorted(static)
    assert sorted(dir(module)) == sorted(static)


@pytest.mark.parametrize("room", DOORS)
def test_a_name_is_the_object_that_the_type_checker_sees(room):
    module = importlib.import_module(room)
    for name, source in static_names(room).items():
        defining = importlib.import_module(source)
        expected = getattr(defining, name) if hasattr(defining, name) else importlib.import_module(f"{source}.{name}")
        assert getattr(module, name) is expected, name


@pytest.mark.parametrize("room", DOORS)
def test_an_unknown_name_is_an_attribute_error(room):
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module(room).no_such_name  # noqa: B018


def test_there_are_doors_to_test():
    assert "aegis_core.testing" in DOORS
