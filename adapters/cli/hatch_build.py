"""Puts the adapter's template into the wheel and into the source distribution, beside the command that copies it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateHook(BuildHookInterface):  # type: ignore[type-arg] # generic in newer releases of hatchling alone
    """In a checkout the template lies beside this project; in a source distribution it is in its place already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        template = Path(self.root).parent / "_template"
        if version != "editable" and template.is_dir():
            build_data["force_include"][str(template)] = "aegis_cli/new/adapter"
