"""Flask: its debugger."""

import logging
import os
from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, is_written
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import FLASK


def debugger(application: Application) -> Iterable[Opening] | None:
    """Applications in debug mode: pages about errors show source, text and locals, and run code."""
    found = application.instances(application.module("flask").Flask)
    if not found:
        return None
    variable = " (FLASK_DEBUG)" if os.environ.get("FLASK_DEBUG") else ""
    return [_opening(application, each, variable) for each in found if each.debug and not _is_installed(each)]


def logged_paths(application: Application) -> Iterable[Opening] | None:
    """What Flask logs of an exception nobody caught begins with the path of the request, which is text by then."""
    flask = application.module("flask")
    found = application.instances(flask.Flask)
    if not found:
        return None
    return [
        _opening(application, each)
        for each in found
        if "log_exception" not in vars(each)
        and type(each).log_exception is flask.Flask.log_exception
        and is_written(logging.getLogger(each.name), logging.ERROR, f"Exception on /{TRACER} [GET]", ())
    ]


def _opening(application: Application, app: Any, more: str = "") -> Opening:
    name = application.name_of(app, app.import_name)
    return Opening(f"{name}{more}", "", *application.assigned(name))


def _is_installed(app: Any) -> bool:
    """Whether `aegis_flask.install` was there: it refuses every request behind Werkzeug's debugger."""
    handler: Any = app.handle_exception
    return type(getattr(handler, "__self__", None)).__module__.startswith("aegis_flask")


DOORS = (
    Door(
        "flask.debug",
        ("flask",),
        "tracebacks and an interpreter, in the answer",
        "app.debug = False",
        debugger,
        Reach.ANSWERS,
        FLASK,
    ),
    Door(
        "flask.paths",
        ("flask",),
        "paths of failed requests",
        'app.log_exception = lambda caught: app.logger.error("unhandled", exc_info=caught)',
        logged_paths,
        better=FLASK,
    ),
)
