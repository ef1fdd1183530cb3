"""What new things start from: the adapter of the checkout or of this wheel, and the files of a room."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aegis_cli.new.copying import capitals, check_name, copy, python_name
from aegis_core import AegisError, ErrorCode

_HERE: Final = Path(__file__).parent
#: In the wheel beside this file; in a checkout where it is developed and tested.
_ADAPTERS: Final = (_HERE / "adapter", _HERE.parents[2] / "_template")
#: Where a room's imports stand among the others follows from its name.
_IMPORTS: Final = re.compile(r"(?:^from aegis_core\S* import .*\n)+", re.MULTILINE)


def checkout(start: Path, /) -> Path | None:
    """The checkout of Aegis Core around a folder; None: it is in none."""
    return next((folder for folder in (start, *start.parents) if (folder / "aegis_core" / "kernel").is_dir()), None)


def start_adapter(name: str, target: Path, /) -> Sequence[Path]:
    """Write an adapter that passes the kit of its port, to be changed one thing at a time.

    Raises:
        AegisError: ``invalid_argument`` for the name; ``already_exists`` if ``target`` is there.
    """
    check_name(name)
    source = next(folder for folder in _ADAPTERS if folder.is_dir())

    def rename(text: str) -> str:
        text = text.replace("aegis-health-template", f"aegis-health-{name}")
        text = text.replace("aegis_template", f"aegis_{python_name(name)}")
        return text.replace("Template", capitals(name)).replace("template", name)

    return copy(source, target, rename, rename_path=lambda part: part.replace("template", python_name(name)))


def start_room(name: str, root: Path, /) -> Sequence[Path]:
    """Write a room and its tests into a checkout: port, values, service.

    Arguments:
        root: the checkout.

    Raises:
        AegisError: ``invalid_argument`` for the name; ``already_exists`` if there is such a room.
    """
    check_name(name)
    if (root / "aegis_core" / python_name(name)).exists():
        raise AegisError(ErrorCode.ALREADY_EXISTS, "there is a room of that name already; nothing was written")

    def rename(text: str) -> str:
        text = text.replace("__Room__", capitals(name)).replace("__room__", python_name(name))
        return _IMPORTS.sub(lambda block: "".join(sorted(block[0].splitlines(keepends=True))), text)

    return copy(_HERE / "room", root, rename, into=True)
