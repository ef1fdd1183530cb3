"""Flask: its debugger."""

import os
from collections.abc import Iterable

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening


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
        if each.debug
    ]


DOORS = (
    Door("flask.debug", ("flask",), "tracebacks and an interpreter, in the answer", "app.debug = False", debugger),
)
