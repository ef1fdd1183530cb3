"""A command that reads makes nothing where nothing is: a mistyped path must not become an empty trail."""

import os
from pathlib import Path
from typing import Final

from aegis_core import AegisError, ErrorCode, Settings
from aegis_core.kernel import Part

_LOCAL: Final = frozenset({"file", "sqlite"})


def must_be_there(*parts: Part, store: str | None = None) -> None:
    """Refuse to open what does not exist yet, where that can be known without opening: in files of this machine.

    Arguments:
        parts: ``audit`` and ``storage`` are looked at; keys and state come with them.
        store: the name of a further store that is meant in place of the one of all.

    Raises:
        AegisError: ``not_found``, naming the variable.
        SettingsError: with every problem of the settings.
    """
    settings = Settings.read(os.environ, only=parts)
    places = {
        "audit": ("trail", settings.ports.get("audit")),
        "storage": ("store", settings.named.get(store) if store else settings.ports.get("storage")),
    }
    for part in parts:
        what, located = places[part]
        if located is None or located.url.scheme not in _LOCAL or Path(located.url.path).exists():
            continue
        raise AegisError(
            ErrorCode.NOT_FOUND, f"there is no {what} where {located.variable} says: {located.url}", operation="aegis"
        )
