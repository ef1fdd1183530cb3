"""Start a new adapter from the template: ``python tools/new_adapter.py NAME [FOLDER]``.

Copies ``adapters/_template`` to ``adapters/NAME`` (or to FOLDER) and writes the new name in place of its own.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

ADAPTERS = Path(__file__).parent.parent / "adapters"
TEMPLATE = ADAPTERS / "_template"


def renamed(text: str, name: str, /) -> str:
    """The template's name replaced: in distributions with hyphens, in Python with underscores or capitals."""
    python = name.replace("-", "_")
    capitals = "".join(part.capitalize() for part in name.split("-"))
    text = text.replace("aegis-health-template", f"aegis-health-{name}").replace("aegis_template", f"aegis_{python}")
    return text.replace("Template", capitals).replace("template", name)


def instantiate(name: str, target: Path, /) -> list[Path]:
    """Copy the template to ``target`` under a new name; returns the files written.

    Raises:
        ValueError: the name cannot be part of a distribution's name and of a Python package's.
        FileExistsError: ``target`` is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        message = f"{name!r}: use lower-case letters and digits, words split by single hyphens"
        raise ValueError(message)
    target.mkdir(parents=True)
    written: list[Path] = []
    for source in sorted(TEMPLATE.rglob("*")):
        inner = source.relative_to(TEMPLATE).parts
        if source.is_dir() or any(part.startswith((".", "__pycache__")) for part in inner):
            continue  # what tools leave behind
        parts = [part.replace("template", name.replace("-", "_")) for part in inner]
        file = target.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(renamed(source.read_text(), name))
        shutil.copymode(source, file)
        written.append(file)
    return written


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Start a new adapter from the template.")
    parser.add_argument("name", help="such as s3 or open-search")
    parser.add_argument("folder", nargs="?", type=Path, help="default: adapters/NAME")
    options = parser.parse_args()
    try:
        written = instantiate(options.name, options.folder or ADAPTERS / options.name)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
    for file in written:
        print(file)
    print(f"next: install it (pip install -e {written[0].parent}), then run its tests and change one thing at a time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
