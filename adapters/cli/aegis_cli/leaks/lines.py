"""Whether a value that is put into a log line would be written: found out by handing the line on, to the last step."""

import copy
import logging
import warnings
from typing import Any, Final

from aegis_cli.leaks.application import redacts
from aegis_core.marks import redact_record

TRACER: Final = "aegis-leaks-tracer"
"""What stands for a value while a line is tried. Nothing is written."""


def is_written(logger: logging.Logger, level: int, message: str, arguments: tuple[Any, ...], /) -> bool:
    """Whether `TRACER` in a line's arguments reaches a handler's text: through levels, filters and redaction.

    Arguments:
        logger: where the line is logged.
        level: at which.
    """
    if logger.disabled or not logger.isEnabledFor(level):
        return False
    record = logger.makeRecord(logger.name, level, "", 0, message, arguments, None)
    passed = _filtered(logger, record)
    return passed is not None and any(_shows(handler, passed) for handler in handlers_of(logger, level))


def handlers_of(logger: logging.Logger, level: int, /) -> list[logging.Handler]:
    """The handlers that a record of this logger and level reaches; what Python falls back on, if it reaches none."""
    reached: list[logging.Handler] = []
    here: logging.Logger | None = logger
    while here is not None:
        reached += here.handlers
        here = here.parent if here.propagate else None
    if not reached and logging.lastResort is not None:
        reached = [logging.lastResort]
    return [each for each in reached if level >= each.level and not isinstance(each, logging.NullHandler)]


def survives(logger: logging.Logger, message: str, arguments: tuple[Any, ...], /, *, level: int = logging.INFO) -> bool:
    """Whether `TRACER` in a line passes what the application put on a logger that a server configures when it starts:
    its level and its filters. Of the server's own handler nothing is known yet.
    """
    record = logger.makeRecord(logger.name, level, "", 0, message, arguments, None)
    if logger.disabled or logger.level > level:
        return False
    passed = _filtered(logger, record)
    return passed is not None and TRACER in passed.getMessage()


def warning_is_written(text: str, module: str, /) -> bool:
    """Whether a warning with this text would be printed, or logged with it. It is tried; nothing is printed.

    Arguments:
        module: that warns.
    """
    passed: list[object] = []
    shows: Any = warnings.showwarning
    with warnings.catch_warnings():
        warnings.showwarning = lambda *warned, **more: passed.append(warned)
        try:
            warnings.warn_explicit(text, UserWarning, "main.py", 1, module, {})
        except UserWarning:  # a filter makes an error of it: that is no less text
            return True
    if passed and shows.__module__ == "logging":  # of `logging.captureWarnings`
        said = (f"main.py:1: UserWarning: {TRACER}",)
        return is_written(logging.getLogger("py.warnings"), logging.WARNING, "%s", said)
    return bool(passed) and shows.__module__ == "warnings"


def _shows(handler: logging.Handler, record: logging.LogRecord) -> bool:
    try:
        tried = _filtered(handler, copy.copy(record))
    except Exception:  # noqa: BLE001 - a filter that expects more of a record is taken for one that changes nothing
        tried = record
    if tried is None:
        return False
    if redacts(handler):
        tried = redact_record(tried)
    return TRACER in tried.getMessage()


def _filtered(filterer: logging.Filterer, record: logging.LogRecord) -> logging.LogRecord | None:
    """What filters let pass: from Python 3.12 on another record, if they like."""
    passed: Any = filterer.filter(record)
    if not passed:
        return None
    return passed if isinstance(passed, logging.LogRecord) else record
