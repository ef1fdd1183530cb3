"""Finding the programs that packages bring along."""

import shutil
import sys
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
