"""pydantic: inputs in errors and warnings."""

from collections.abc import Iterable

from aegis_cli.leaks.application import Application, OwnClass
from aegis_cli.leaks.lines import warning_is_written
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import WARNINGS


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
    is_written = warning_is_written("Pydantic serializer warnings:\n  tried", "pydantic.main")
    return [Opening("warnings of model_dump")] if is_written else []


DOORS = (
    Door("pydantic.errors", ("pydantic",), "inputs in the text of a ValidationError", "@guarded", errors, Reach.CODE),
    Door(
        "pydantic.serializer-warnings",
        ("pydantic",),
        "values that model_dump did not expect, on standard error",
        'warnings.filterwarnings("ignore", "Pydantic serializer warnings")',
        serializer_warnings,
        better=WARNINGS,
    ),
)
