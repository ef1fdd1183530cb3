"""Logging by the standard library: what is written without redaction."""

import logging
from collections.abc import Iterable

from aegis_cli.leaks.application import Application, redacts
from aegis_cli.leaks.model import Door, Opening
from aegis_cli.leaks.remedies import LOGGING


def handlers_without_redaction(application: Application) -> Iterable[Opening]:
    """Every handler that writes, wherever it hangs; without any, what Python falls back on."""
    root = logging.getLogger()
    others = [found for found in root.manager.loggerDict.values() if isinstance(found, logging.Logger)]
    seen: set[int] = set()
    written = 0
    for logger in (root, *sorted(others, key=lambda found: found.name)):
        for handler in logger.handlers:
            if isinstance(handler, logging.NullHandler) or id(handler) in seen:
                continue
            seen.add(id(handler))
            written += 1
            if not redacts(handler):
                yield Opening(f'{type(handler).__name__} of logger "{logger.name}"')
    if not written and logging.lastResort is not None and not redacts(logging.lastResort):
        yield Opening("warnings and errors on standard error, for no handler is configured")


def failed_records(application: Application) -> Iterable[Opening]:
    """A call whose arguments do not fit prints them; a redacting handler is never handed such a record."""
    if logging.raiseExceptions and any(handlers_without_redaction(application)):
        yield Opening("logging.raiseExceptions")


DOORS = (
    Door(
        "logging.unredacted",
        (),
        "log lines: marked objects, extras, texts of exceptions",
        LOGGING.line,
        handlers_without_redaction,
    ),
    Door(
        "logging.failed-records",
        (),
        "arguments of a log call that does not fit its message are printed to standard error",
        "logging.raiseExceptions = False",
        failed_records,
        better=LOGGING,
    ),
)
