"""Where the clinic keeps everything: one folder, unless the environment names other places."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import attrs

from aegis_core.kernel.registry import Registry
from aegis_core.kernel.settings import Settings

#: Variable → scheme and place below the home.
_DEFAULTS: Final = {
    "AEGIS_STORAGE": ("file", "storage"),
    "AEGIS_AUDIT": ("file", "audit"),
    "AEGIS_SUBJECT_KEYS": ("sqlite", "subject-keys.db"),
    "AEGIS_KEYS": ("file", "keys"),
    "AEGIS_EMAIL": ("eml", "mail"),
    "AEGIS_LOG": ("jsonl", "log/clinic.jsonl"),
}
#: What people look for, the variable that decides where it lies, and where it lies by default.
_PLACES: Final = (
    ("documents", "AEGIS_STORAGE", "storage"),
    ("trail", "AEGIS_AUDIT", "audit/journal"),
    ("log tiles", "AEGIS_AUDIT", "audit/log"),
    ("letters", "AEGIS_EMAIL", "mail"),
    ("log lines", "AEGIS_LOG", "log/clinic.jsonl"),
    ("keys", "AEGIS_KEYS", "keys"),
)


@attrs.frozen
class Home:
    """The folder of one clinic, and the settings that lead there.

    Arguments:
        elsewhere: variables that the environment sets: what they name may lie anywhere.
    """

    folder: Path
    settings: Settings
    elsewhere: frozenset[str]

    @classmethod
    def at(cls, folder: Path, environ: Mapping[str, str], /) -> Self:
        """Local defaults below a folder; what the environment sets wins.

        Raises:
            SettingsError: with every problem of the environment's settings.
        """
        defaults = {
            "AEGIS_ENV": "development",
            "AEGIS_ORIGIN": "clinic.example/audit",
            **{name: f"{scheme}:{quote(str(folder / place))}" for name, (scheme, place) in _DEFAULTS.items()},
        }
        elsewhere = frozenset(name for name in environ if name in _DEFAULTS or name.startswith("AEGIS_STATE"))
        return cls(folder, Settings.read({**defaults, **environ}, registry=Registry()), elsewhere)

    @property
    def log(self) -> Path | None:
        """The published log's folder; None where it lies elsewhere."""
        return None if self.elsewhere & {"AEGIS_AUDIT", "AEGIS_STATE"} else self.folder / "audit" / "log"

    def places(self) -> list[tuple[str, str]]:
        """What lies where, for people."""
        return [
            (name, f"as {variable} says: not searched" if variable in self.elsewhere else str(self.folder / place))
            for name, variable, place in _PLACES
        ]
