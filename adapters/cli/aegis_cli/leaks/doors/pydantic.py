"""pydantic: inputs in errors and warnings."""

import warnings
from collections.abc import Iterable

from aegis_cli.leaks.application import Application, OwnClass
from aegis_cli.leaks.model import Door, Opening, Reach


def _models(application: Application) -> list[OwnClass]:
    base = application.module("pydantic").BaseModel
    return [own for own in application.marked_classes if issubclass(own.type, base)]


def errors(application: Application) -> Iterable[Opening] | None:
    """Marked models whose ValidationError shows what it was given."""
    models = _models(application)
    if not models:
        return None
    return [
        Opening(own.name, file=own.file, line=own.line)
        for own in models
        if not getattr(own.type, "model_config", {}).get("hide_input_in_errors")
    ]


def serializer_warnings(application: Application) -> Iterable[Opening] | None:
    """Warnings of `model_dump` about a value of another type show the value."""
    if not _models(application):
        return None
    shown: list[str] = []
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest, **more: shown.append(str(message))
        try:
            warnings.warn_explicit(
                "Pydantic serializer warnings:\n  tried", UserWarning, "main.py", 1, "pydantic.main", {}
            )
        except UserWarning:  # a filter makes an error of it: that is no less text
            shown.append("raised")
    return [Opening("warnings of model_dump")] if shown else []


DOORS = (
    Door("pydantic.errors", ("pydantic",), "inputs in the text of a ValidationError", "@guarded", errors, Reach.CODE),
    Door(
        "pydantic.serializer-warnings",
        ("pydantic",),
        "values that model_dump did not expect, on standard error",
        'warnings.filterwarnings("ignore", "Pydantic serializer warnings")',
        serializer_warnings,
    ),
)
