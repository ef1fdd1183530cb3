"""Copying a folder of files under another name. No word of the old name is left."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aegis_core import AegisError, ErrorCode

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: Files that are Python only once they have their name.
_UNNAMED: Final = ".txt"


def check_name(name: str, /) -> None:
    """Refuse a name that cannot be part of a distribution's name and of a Python package's.

    Raises:
        AegisError: ``invalid_argument``.
    """
    if not _NAME.fullmatch(name):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "NAME: lower-case letters and digits, words split by single hyphens"
        )


def python_name(name: str, /) -> str:
    """``open_search`` for ``open-search``."""
    return name.replace("-", "_")


def capitals(name: str, /) -> str:
    """``OpenSearch`` for ``open-search``."""
    return "".join(part.capitalize() for part in name.split("-"))


def copy(
    source: Path,
    target: Path,
    rename: Callable[[str], str],
    /,
    *,
    rename_path: Callable[[str], str] | None = None,
    into: bool = False,
) -> Sequence[Path]:
    """Copy every file under ``source`` to ``target``, names and contents renamed; gives what was written, in order.

    Arguments:
        rename: gives a text without the old name.
        rename_path: the same for one part of a path; by default as texts.
        into: whether ``target`` may be there; no file in it is ever overwritten.

    Raises:
        AegisError: ``already_exists``; then nothing was written.
    """
    files: dict[Path, str] = {}
    for file in sorted(source.rglob("*")):
        inner = file.relative_to(source).parts
        if file.is_dir() or any(part.startswith((".", "__pycache__")) for part in inner):
            continue  # what tools leave behind
        parts = [(rename_path or rename)(part).removesuffix(_UNNAMED) for part in inner]
        files[target.joinpath(*parts)] = rename(file.read_text(encoding="utf-8"))
    if (target.exists() and not into) or any(file.exists() for file in files):
        raise AegisError(ErrorCode.ALREADY_EXISTS, "there is something of that name already; nothing was written")
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(files)
