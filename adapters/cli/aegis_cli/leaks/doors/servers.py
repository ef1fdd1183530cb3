"""Servers that start the application: their access lines."""

import ast
import logging
import os
import shlex
from collections.abc import Iterable
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, survives
from aegis_cli.leaks.model import Door, Opening

_ATOMS_WITH_PATH: Final = ("%(r)s", "%(U)s", "%(q)s", "%(f)s")
_GUNICORN: Final = "gunicorn.conf.py"


def uvicorn_lines(application: Application) -> Iterable[Opening] | None:
    """Uvicorn makes its handler before it imports the application, which may still put a filter on the logger."""
    starlette = application.module("starlette.applications")
    if application.module("uvicorn") is None and not application.instances(starlette.Starlette):
        return None
    sample = ("127.0.0.1:1", "GET", f"/{TRACER}", "1.1", 200)
    if survives(logging.getLogger("uvicorn.access"), '%s - "%s %s HTTP/%s" %d', sample):
        return [Opening('logger "uvicorn.access"')]
    return []


def gunicorn_lines(application: Application) -> Iterable[Opening] | None:
    """What gunicorn would read: its file in the working directory, and its variable."""
    options = _file_options(application) | _variable_options()
    if not options:
        return None
    written = options.get("access_log_format", _ATOMS_WITH_PATH[0])
    if not options.get("accesslog") or not any(atom in str(written) for atom in _ATOMS_WITH_PATH):
        return []
    return [Opening("access_log_format", file=_GUNICORN)]


def _file_options(application: Application) -> dict[str, Any]:
    """Settings that are written as constants; the file is read and not run."""
    path = application.here / _GUNICORN
    if not path.is_file():
        return {}
    options: dict[str, Any] = {"accesslog": None}
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            constant = isinstance(statement.value, ast.Constant)
            options[statement.targets[0].id] = statement.value.value if constant else "computed %(r)s"  # type: ignore[attr-defined]
    return options


def _variable_options() -> dict[str, Any]:
    options: dict[str, Any] = {}
    words = iter(shlex.split(os.environ.get("GUNICORN_CMD_ARGS", "")))
    for word in words:
        name, equals, value = word.partition("=")
        known = {"--access-logfile": "accesslog", "--access-logformat": "access_log_format"}.get(name)
        if known:
            options[known] = value if equals else next(words, "")
    return options


DOORS = (
    Door(
        "uvicorn.access",
        ("uvicorn", "starlette.applications"),
        "request lines with path and query",
        'logging.getLogger("uvicorn.access").addFilter(lambda line: '
        'setattr(line, "args", (*line.args[:2], "[path]", *line.args[3:])) or True)',
        uvicorn_lines,
    ),
    Door(
        "gunicorn.access",
        (),
        "request lines with path, query and Referer",
        "access_log_format = '%(t)s %(m)s %(s)s %(b)s %(D)s'",
        gunicorn_lines,
    ),
)
