"""Flask: its debugger."""

import os
from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import FLASK


def debugger(application: Application) -> Iterable[Opening] | None:
    """Applications in debug mode: pages about errors show source, text and locals, and run code."""
    found = application.instances(application.module("flask").Flask)
    if not found:
        return None
    return [
        Opening(
            application.name_of(each, each.import_name) + (" (FLASK_DEBUG)" if os.environ.get("FLASK_DEBUG") else "")
        )
        for each in found
        if each.debug and not _is_installed(each)
    ]


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
)
