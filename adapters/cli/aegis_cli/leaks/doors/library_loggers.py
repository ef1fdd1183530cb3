"""Loggers of libraries whose lines hold what the application handed the library."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, is_written
from aegis_cli.leaks.model import Door, Opening, Remedy
from aegis_cli.leaks.remedies import DJANGO, LOGGING


@attrs.frozen
class Talkative:
    """A library's logger.

    Arguments:
        libraries: modules of which one has to be loaded.
        logger: its name; that of the line's own, where loggers below it have levels of their own.
        level: of the lines that leak.
        leaks: what stands in them.
        line: a message and its arguments, as the library logs them.
        fix: the line that closes it.
        better: the line of ours that does so with other doors.
    """

    id: str
    libraries: tuple[str, ...]
    logger: str
    level: int
    leaks: str
    line: tuple[str, Callable[[Application], tuple[Any, ...]]]
    fix: str
    better: Remedy | None = None

    def look(self, application: Application) -> Iterable[Opening] | None:
        """The logger, if such a line would be written."""
        if self.logger.startswith("django.") and not application.module("django.conf").settings.configured:
            return None  # loaded by something that serves Django, too
        message, arguments = self.line
        if is_written(logging.getLogger(self.logger), self.level, message, arguments(application)):
            return [Opening(f'logger "{self.logger}"')]
        return []


def quieter(logger: str, level: str) -> str:
    """The line that ends a logger's talk below a level."""
    return f'logging.getLogger("{logger}").setLevel(logging.{level})'


def without_path(logger: str) -> str:
    """The line that keeps a logger's lines, without the path that is their last argument."""
    hidden = 'setattr(line, "args", (*line.args[:-1], "[path]"))'
    return f'logging.getLogger("{logger}").addFilter(lambda line: {hidden} or True)'


def _text(template: str) -> Callable[[Application], tuple[Any, ...]]:
    return lambda application: (template.format(TRACER),)


def _url(library: str) -> Callable[[Application], tuple[Any, ...]]:
    return lambda application: (
        "GET",
        application.module(library).URL(f"http://host/{TRACER}"),
        "HTTP/1.1",
        200,
        "OK",
    )


LOGGERS = (
    Talkative(
        "httpx.urls",
        ("httpx",),
        "httpx",
        logging.INFO,
        "full URLs of requests",
        ('HTTP Request: %s %s "%s %d %s"', _url("httpx")),
        LOGGING.line,
    ),
    Talkative(
        "httpx2.urls",
        ("httpx2",),
        "httpx2",
        logging.INFO,
        "full URLs of requests",
        ('HTTP Request: %s %s "%s %d %s"', _url("httpx2")),
        LOGGING.line,
    ),
    Talkative(
        "httpcore.headers",
        ("httpcore", "httpx"),
        "httpcore.http11",
        logging.DEBUG,
        "headers of answers, such as Location",
        ("%s", _text("receive_response_headers.complete return_value=(b'Location', b'/{}')")),
        quieter("httpcore", "INFO"),
    ),
    Talkative(
        "urllib3.urls",
        ("urllib3",),
        "urllib3.connectionpool",
        logging.DEBUG,
        "paths and queries of requests, also those of requests",
        ('"GET %s"', _text("/{}")),
        quieter("urllib3", "INFO"),
    ),
    Talkative(
        "urllib3.retries",
        ("urllib3",),
        "urllib3.connectionpool",
        logging.WARNING,
        "paths and queries of requests that are tried again",
        ("Retrying (%r) after connection broken by '%r': %s", lambda application: (None, None, f"/{TRACER}")),
        quieter("urllib3.connectionpool", "ERROR"),
    ),
    Talkative(
        "aiohttp.access",
        ("aiohttp.web_log",),
        "aiohttp.access",
        logging.INFO,
        "request lines with path and query",
        ("%s", _text("GET /{}")),
        quieter("aiohttp.access", "WARNING"),
    ),
    Talkative(
        "botocore.bodies",
        ("botocore",),
        "botocore.endpoint",
        logging.DEBUG,
        "parameters and headers of AWS requests",
        ("Making request for %s", _text("{}")),
        quieter("botocore", "INFO"),
    ),
    Talkative(
        "aiosqlite.parameters",
        ("aiosqlite",),
        "aiosqlite",
        logging.DEBUG,
        "SQL statements with their parameters",
        ("executing %s", _text("execute('{}')")),
        quieter("aiosqlite", "INFO"),
    ),
    Talkative(
        "werkzeug.access",
        ("werkzeug.serving",),
        "werkzeug",
        logging.INFO,
        "request lines with path and query",
        ("%s", _text("GET /{}")),
        quieter("werkzeug", "WARNING"),
    ),
    Talkative(
        "django.paths",
        ("django.core.handlers.base",),
        "django.request",
        logging.WARNING,
        "paths of refused and failed requests",
        ("Not Found: %s", _text("/{}")),
        without_path("django.request"),
        DJANGO,
    ),
    Talkative(
        "django.sql",
        ("django.db",),
        "django.db.backends",
        logging.DEBUG,
        "SQL statements with their parameters, while DEBUG",
        ("(%.3f) %s", lambda application: (0.1, TRACER)),
        quieter("django.db.backends", "INFO"),
        DJANGO,
    ),
)

DOORS = tuple(Door(each.id, each.libraries, each.leaks, each.fix, each.look, better=each.better) for each in LOGGERS)
