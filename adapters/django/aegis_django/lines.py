"""What Django's own loggers write: of a request its route and id, of a query the statement without its values."""

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from http.client import responses
from typing import Any, Final

from django.core.exceptions import SuspiciousOperation

from aegis_core import scrub
from aegis_core.marks import summarize_statement

_statement: Final[ContextVar[str]] = ContextVar("aegis_django.statement", default="")

#: With one of these a literal may stand anywhere, and where it ends each database sees elsewhere.
_OPAQUE: Final = re.compile(r"['\\$#]|--|/\*")
_QUOTED: Final = re.compile(r'"([^"]*)"')  # a name, or in some databases a literal
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_NUMBER: Final = re.compile(r"(?<![\w\"%.])\d+(?:\.\d+)?\b")


def install() -> None:
    """Filter the records of Django's own loggers, whoever will handle them. Doing it twice does nothing."""
    logging.getLogger("django.request").addFilter(of_request)
    logging.getLogger("django.server").addFilter(of_server)
    for name in ("django.db.backends", "django.db.backends.schema"):
        logging.getLogger(name).addFilter(of_statement)
    logging.getLogger("django.security.csrf").addFilter(of_request)
    waiting = [SuspiciousOperation]
    while waiting:
        kind = waiting.pop()
        watch(kind)
        waiting += kind.__subclasses__()


def watch(kind: type[SuspiciousOperation], /) -> None:
    """The same for the logger that Django names after such an exception: filters are not inherited."""
    logging.getLogger(f"django.security.{kind.__name__}").addFilter(of_request)


def of_request(record: logging.LogRecord, /) -> bool:
    """A response's line: its status, the route in the place of the path, and the request's id. No text of an error."""
    request = record.__dict__.pop("request", None)
    status = getattr(record, "status_code", None)
    if record.exc_info and record.exc_info[1] is not None:
        stand_in = scrub(record.exc_info[1])
        record.exc_info = (type(stand_in), stand_in, stand_in.__traceback__)
    if status is None and request is None:  # none of Django's answers: what it is about is anybody's guess
        if record.levelno >= logging.WARNING and isinstance(record.args, tuple):
            record.args = tuple("[withheld]" if isinstance(one, str) else one for one in record.args)
        return True
    match, context = getattr(request, "resolver_match", None), getattr(request, "aegis_context", None)
    record.msg, record.args = "%s: %s", (responses.get(status or 0, "Answered"), _route(match))
    if context is not None:
        record.msg, record.args = "%s: %s (request %s)", (*record.args, context.request_id)
    return True


def _route(match: Any) -> str:
    return "[no route]" if match is None else str(match.route) or "/"


def of_server(record: logging.LogRecord, /) -> bool:
    """A line of ``runserver``: ``"GET [path] HTTP/1.1" 200 5``."""
    record.__dict__.pop("request", None)
    if isinstance(record.args, tuple):
        record.args = tuple(_without_path(one) if isinstance(one, str) else one for one in record.args)
    return True


def _without_path(text: str) -> str:
    method, *rest = text.split(" ")
    return f"{method} [path] {rest[-1]}" if len(rest) > 1 else text


def of_statement(record: logging.LogRecord, /) -> bool:
    """A query's line: Django puts the values into the text; this is the text that they were not put into yet."""
    held = vars(record)
    args = record.args if isinstance(record.args, tuple) else ()
    is_query = len(args) == 4  # with duration and database; the schema editor's have none, and no values in the text
    shown = without_literals(_statement.get() if is_query and "params" in held else str(held.get("sql", "")))
    given = held.get("params")
    values = f"[{len(given)} values]" if isinstance(given, tuple | list | Mapping) else "[values]"
    if is_query:
        record.args = (args[0], shown, values, args[3])
    else:
        record.msg, record.args = "%s; (params %s)", (shown, values)
    held.update({"sql": shown, "params": values})
    return True


def without_literals(statement: str, /) -> str:
    """The statement with ``?`` for every number in it; of one that may hold another literal verb and tables alone."""
    if _OPAQUE.search(statement) or not all(map(_NAME.fullmatch, _QUOTED.findall(statement))):
        return summarize_statement(statement)
    return _NUMBER.sub("?", statement)


def remember_statement(
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's own signature
    context: Mapping[str, Any],
) -> Any:
    """A wrapper around every query of a connection."""
    if context["connection"].queries_logged:
        _statement.set(str(sql))
    return execute(sql, params, many, context)


def on_connection(connection: Any, **_: object) -> None:
    """A receiver of ``connection_created``."""
    if remember_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(remember_statement)
