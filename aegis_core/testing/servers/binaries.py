"""Finding the programs that packages bring along."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path


def beside_python(name: str, /) -> Path | None:
    """A program that a package put beside this interpreter, or that lies on the path."""
    here = Path(sys.executable).parent / name
    if here.exists():
        return here
    found = shutil.which(name)
    return Path(found) if found else None


def inside(package: str, *parts: str) -> Path | None:
    """A file inside an installed package, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], *parts)
    return path if path.exists() else None


def version_of(package: str, /) -> str:
    """The version of an installed package; empty: there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def runnable(program: Path, folder: Path, /) -> str:
    """A program as a command: some packages ship theirs without the permission to run it."""
    if not os.access(program, os.X_OK):
        try:
            program.chmod(program.stat().st_mode | 0o111)
        except OSError:  # installed by somebody else: use a copy
            program = Path(shutil.copy(program, folder))
            program.chmod(0o700)
    return str(program)


def is_open_to_all(path: Path, /) -> bool:
    """Whether another user may reach a file: every folder above it lets others through."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
