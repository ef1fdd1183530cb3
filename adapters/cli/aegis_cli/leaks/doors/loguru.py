"""loguru: what its sinks are handed."""

from collections.abc import Iterable
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Remedy
from aegis_core import redact_loguru

_PATCHER: Final = Remedy("logger.configure(patcher=redact_loguru)")


def _sinks(application: Application) -> list[Any] | None:
    """Handlers whose records nobody redacts; those of the standard library are handed finished text, too.

    None where no module of the application logs by it: Sentry loads it wherever it is installed.
    """
    loguru = application.module("loguru")
    held = (value for module in application.modules for value in list(vars(module).values()))
    if not any(value is loguru or type(value) is type(loguru.logger) for value in held):
        return None
    core = loguru.logger._core
    is_redacted = getattr(core.patcher, "func", core.patcher) is redact_loguru
    return [] if is_redacted else list(core.handlers.values())


def unredacted(application: Application) -> Iterable[Opening] | None:
    """No patcher redacts what is bound, given or raised."""
    sinks = _sinks(application)
    return sinks if sinks is None else [_opening(sink) for sink in sinks]


def local_variables(application: Application) -> Iterable[Opening] | None:
    """Sinks that show the values of names in tracebacks: ``diagnose`` is on unless it is turned off."""
    sinks = _sinks(application)
    return sinks if sinks is None else [_opening(sink) for sink in sinks if sink._exception_formatter._diagnose]


def _opening(sink: Any) -> Opening:
    return Opening(f"sink {sink._name} of loguru")


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
