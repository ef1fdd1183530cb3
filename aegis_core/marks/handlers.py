"""Redaction for the standard library's logging, where a record is about to be written."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from weakref import WeakSet

from aegis_core.marks.names import LEARNED
from aegis_core.marks.redaction import DEFAULT, Redaction
from aegis_core.marks.scrubbing import stand_in_for
from aegis_core.marks.traces import describe

_OF_A_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# "mrn=%s", "mrn: %(value)s", "mrn #%s": the word before a placeholder names it, unless a clause ends there.
_PLACEHOLDER: Final = re.compile(
    r"(?:\b(?P<word>\w++)[^\w%.,;!?\n]{0,5}+)?"
    r"%(?:\((?P<key>\w+)\))?[-#0 +]*(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?[hlL]?(?P<kind>.)"
)
#: As `warnings.formatwarning` begins.
_WARNING: Final = re.compile(r".*?:\d+: \w+(?=: )")


def install_logging(logger: logging.Logger | None = None, /, *, redaction: Redaction = DEFAULT) -> Callable[[], None]:
    """Redact what every handler will write: of the root logger and of all others, now and when one is added later.

    Handlers, not filters on a logger: those never see a record that comes from below. What adds them later, such as
    ``logging.config.dictConfig``, does it through `logging.Logger.addHandler`. Doing it twice does nothing.

    Arguments, extras and exceptions of a record are redacted in a copy: arguments of marked types and after ``name=``,
    extras by name and type; of an exception types and places stay. The message itself is a constant of the program and
    stays as it is; only of those of asyncio, which are none, the beginning stays, and of captured warnings the place
    and the category.

    Arguments:
        logger: only the handlers that this logger has now.
        redaction: the rules.

    Returns:
        A function that undoes it.
    """
    wrapped = WeakSet(handler for handler in _handlers(logger) if _wrap(handler, redaction))
    unfollow = _follow(wrapped, redaction) if logger is None else None

    def undo() -> None:
        if unfollow is not None:
            unfollow()
        for handler in wrapped:
            handler.__dict__.pop("handle", None)

    return undo


def redacting_handler(**config: Any) -> logging.Handler:
    """Make a handler that redacts, by its name, for `logging.config.dictConfig`.

    ``{"()": "aegis_core.marks.redacting_handler", "class": "logging.StreamHandler", "formatter": …}``

    Arguments:
        config: ``class``, and what it takes.
    """
    from pkgutil import resolve_name

    return redacting(resolve_name(config.pop("class"))(**config))


def redacting(handler: logging.Handler, /, *, redaction: Redaction = DEFAULT) -> logging.Handler:
    """Make one handler redact all that it is handed, whoever hands it; gives the handler itself."""
    _wrap(handler, redaction)
    return handler


def redact_record(record: logging.LogRecord, /, *, redaction: Redaction = DEFAULT) -> logging.LogRecord:
    """Give a redacted copy of a record. It never raises; what can't be written is erased."""
    try:
        return _redacted(record, redaction)
    except Exception:  # noqa: BLE001 - logging must not end the application's own call
        return logging.LogRecord(
            record.name,
            record.levelno,
            record.pathname,
            record.lineno,
            "[unwritable record]",
            None,
            None,
            record.funcName,
        )


def _handlers(logger: logging.Logger | None) -> Iterable[logging.Handler]:
    if logger is not None:
        return tuple(logger.handlers)
    root = logging.getLogger()
    others = [found for found in root.manager.loggerDict.values() if isinstance(found, logging.Logger)]
    last = [logging.lastResort] if logging.lastResort else []
    return {id(handler): handler for found in (root, *others) for handler in (*found.handlers, *last)}.values()


def _follow(wrapped: "WeakSet[logging.Handler]", redaction: Redaction) -> Callable[[], None]:
    add = logging.Logger.addHandler
    if getattr(add, "__aegis_redacts__", False):
        return lambda: None

    def add_redacting(self: logging.Logger, hdlr: logging.Handler) -> None:
        add(self, hdlr)
        if _wrap(hdlr, redaction):
            wrapped.add(hdlr)

    def undo() -> None:
        if logging.Logger.addHandler is add_redacting:
            logging.Logger.addHandler = add  # type: ignore[method-assign]

    add_redacting.__aegis_redacts__ = True  # type: ignore[attr-defined]
    logging.Logger.addHandler = add_redacting  # type: ignore[method-assign]
    return undo


def _wrap(handler: logging.Handler, redaction: Redaction) -> bool:
    if "handle" in handler.__dict__ and getattr(handler.__dict__["handle"], "__aegis_redacts__", False):
        return False
    inner: Callable[[logging.LogRecord], Any] = handler.handle

    def handle(record: logging.LogRecord) -> Any:
        return inner(redact_record(record, redaction=redaction))

    handle.__aegis_redacts__ = True  # type: ignore[attr-defined]
    handler.handle = handle  # type: ignore[method-assign]
    return True


def _redacted(record: logging.LogRecord, redaction: Redaction) -> logging.LogRecord:
    copied = logging.LogRecord.__new__(type(record))
    held = dict(record.__dict__)
    held.pop("message", None)
    held.update(redaction.fields({name: value for name, value in held.items() if name not in _OF_A_RECORD}))
    if record.exc_info or record.exc_text:
        held["exc_text"] = describe(record.exc_info) or "[exception]"
        held["exc_info"] = _stand_in(record.exc_info)
    held["msg"], held["args"] = _message(record, redaction)
    copied.__dict__.update(held)
    return copied


def _stand_in(exc_info: object) -> Any:
    """For handlers and formatters that write an exception in a manner of their own, as rich and structlog do."""
    exc = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) > 1 else exc_info
    if not isinstance(exc, BaseException):
        return None
    made = stand_in_for(exc)
    return type(made), made, made.__traceback__


def _message(record: logging.LogRecord, redaction: Redaction) -> tuple[Any, Any]:
    message, args = record.msg, record.args
    shown: Any
    if not isinstance(message, str):
        shown = redaction.value(None, message)
        return shown if isinstance(shown, dict) else str(shown), None  # a dict, as structlog's formatter wants it
    if record.name == "asyncio":
        return _of_asyncio(message, args, redaction)
    if record.name == "py.warnings":
        return _of_warnings(message % args if args else message), None
    return redact_arguments(message, args, redaction) if args else (message, args)


def redact_arguments(message: str, args: Any, redaction: Redaction, /) -> tuple[str, Any]:
    """Give the message and the arguments that may be put into it; no arguments where they had to be put in already."""
    shown: Any = (
        _by_key(message, args, redaction) if isinstance(args, Mapping) else _positional(message, args, redaction)
    )
    try:
        _ = message % shown
    except (TypeError, ValueError, KeyError):
        # A marker stands where a number was wanted, or the call was wrong from the start.
        return _loosened(message, shown)
    return message, shown


def _of_asyncio(message: str, args: Any, redaction: Redaction) -> tuple[str, None]:
    """Its messages are no constants: they go on with the repr of arguments of callbacks, of results, of errors."""
    from aegis_core.marks.hooks import known_beginning

    if not args:
        return known_beginning(message), None
    shown = ["[text]" if isinstance(value, str) else value for value in _positional(message, args, redaction)]
    return _loosened(message, tuple(shown))


def _of_warnings(message: str) -> str:
    """The place and the category (`logging.captureWarnings`): text and line of source are whatever a library quotes."""
    place = _WARNING.match(message)
    return place[0] if place else "[warning]"


def _placeholders(message: str) -> Iterable[re.Match[str]]:
    return (found for found in _PLACEHOLDER.finditer(message) if found["kind"] != "%")


def _by_key(message: str, args: Mapping[str, object], redaction: Redaction) -> dict[str, object]:
    shown = redaction.fields(args)
    for found in _placeholders(message):
        word, key = found["word"], found["key"]
        if key in args and word in LEARNED and word not in redaction.keep:
            shown[key] = redaction.value(word, args[key])
    return shown


def _positional(message: str, args: tuple[object, ...], redaction: Redaction) -> tuple[object, ...]:
    names: list[str | None] = []
    for found in _placeholders(message):
        names += [None] * (found["width"], found["precision"]).count("*")
        names.append(found["word"])
    if len(names) != len(args):  # then nobody knows which of them a name stands before
        return tuple("[text]" if isinstance(value, str) else redaction.value(None, value) for value in args)
    return tuple(redaction.value(name, value) for name, value in zip(names, args, strict=True))


def _loosened(message: str, shown: Any) -> tuple[str, None]:
    loose = re.sub(r"%(\(\w+\))?[-#0 +]*(\*|\d+)?(\.(\*|\d+))?[hlL]?[diouxXeEfFgGcrsa]", r"%\1s", message)
    try:
        return loose % shown, None
    except (TypeError, ValueError, KeyError):
        return f"{message} {shown!r}", None


__all__ = ["install_logging", "redact_record", "redacting", "redacting_handler"]
