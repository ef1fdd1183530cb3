"""loguru: what its sinks are handed."""

from collections.abc import Iterable
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Remedy
from aegis_core import redact_loguru

_PATCHER: Final = Remedy("logger.configure(patcher=redact_loguru)")


def _sinks(application: Application) -> list[Any]:
    """Handlers whose records nobody redacts; those of the standard library are handed finished text, too."""
    core = application.module("loguru").logger._core
    is_redacted = getattr(core.patcher, "func", core.patcher) is redact_loguru
    return [] if is_redacted else list(core.handlers.values())


def unredacted(application: Application) -> Iterable[Opening]:
    """No patcher redacts what is bound, given or raised."""
    return [Opening(f"loguru, sink {handler._name}") for handler in _sinks(application)]


def local_variables(application: Application) -> Iterable[Opening]:
    """Sinks that show the values of names in tracebacks: ``diagnose`` is on unless it is turned off."""
    return [
        Opening(f"loguru, sink {handler._name}")
        for handler in _sinks(application)
        if handler._exception_formatter._diagnose
    ]


DOORS = (
    Door("loguru.unredacted", ("loguru",), "what is bound or given, texts of exceptions", _PATCHER.line, unredacted),
    Door(
        "loguru.locals",
        ("loguru",),
        "values of names in tracebacks",
        'logger.configure(handlers=[{"sink": sys.stderr, "diagnose": False}])',
        local_variables,
        better=_PATCHER,
    ),
)
