"""What Python itself prints: exceptions that nobody caught, and what it says while debugging."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterable
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, is_written, warning_is_written
from aegis_cli.leaks.model import Door, Opening
from aegis_cli.leaks.remedies import LOGGING, WARNINGS


def _is_the_interpreters(hook: Any) -> bool:
    """Whether a hook prints what Python prints; Sentry's calls the one that was there before it."""
    return getattr(hook, "__module__", None) in {"sys", "_thread", "threading", "sentry_sdk.integrations.excepthook"}


def uncaught(application: Application) -> Iterable[Opening]:
    """`sys.excepthook` prints the text of the exception."""
    if _is_the_interpreters(sys.excepthook):
        yield Opening("sys.excepthook")


def uncaught_in_threads(application: Application) -> Iterable[Opening]:
    """`threading.excepthook` does so for threads."""
    if _is_the_interpreters(threading.excepthook):
        yield Opening("threading.excepthook")


def unraisable(application: Application) -> Iterable[Opening]:
    """`sys.unraisablehook` prints the text of what ``__del__`` raises, and the object's name."""
    if _is_the_interpreters(sys.unraisablehook):
        yield Opening("sys.unraisablehook")


def warned(application: Application) -> Iterable[Opening]:
    """The text of a warning is whatever a library quotes, and Python prints it."""
    if warning_is_written("tried", "main"):
        is_logged = warnings.showwarning.__module__ == "logging"
        yield Opening('logger "py.warnings"', LOGGING.line) if is_logged else Opening("warnings.showwarning")


def rich_locals(application: Application) -> Iterable[Opening] | None:
    """A hook of rich that shows locals."""
    hook: Any = sys.excepthook
    if getattr(hook, "__module__", "") != "rich.traceback":
        return None
    held = dict(zip(hook.__code__.co_freevars, hook.__closure__ or (), strict=True))
    shows = "show_locals" in held and held["show_locals"].cell_contents
    return [Opening("sys.excepthook of rich.traceback.install")] if shows else []


def cgitb_locals(application: Application) -> Iterable[Opening]:
    """A hook of cgitb, which shows the values of every name on every line."""
    if type(sys.excepthook).__module__ == "cgitb":
        yield Opening("sys.excepthook of cgitb.enable")


def asyncio_debug(application: Application) -> Iterable[Opening] | None:
    """In debug mode asyncio logs slow callbacks with their arguments."""
    is_asked_for = not sys.flags.ignore_environment and os.environ.get("PYTHONASYNCIODEBUG")
    if not (sys.flags.dev_mode or is_asked_for):
        return None
    logged = is_written(logging.getLogger("asyncio"), logging.WARNING, "Executing %s", (TRACER,))
    return [Opening("python -X dev" if sys.flags.dev_mode else "PYTHONASYNCIODEBUG")] if logged else []


_HOOK: Final = "install_excepthook()"

DOORS = (
    Door(
        "python.uncaught",
        (),
        "the text of an uncaught exception, on standard error",
        _HOOK,
        uncaught,
    ),
    Door(
        "python.uncaught-in-threads",
        (),
        "the text of an exception that ends a thread, on standard error",
        _HOOK,
        uncaught_in_threads,
    ),
    Door(
        "python.unraisable",
        (),
        "the text of an exception in __del__ or a callback, on standard error",
        _HOOK,
        unraisable,
    ),
    Door("python.warnings", (), "the texts of warnings, on standard error", WARNINGS.line, warned),
    Door(
        "rich.locals",
        ("rich.traceback",),
        "local variables in tracebacks",
        "rich.traceback.install(show_locals=False)",
        rich_locals,
    ),
    Door(
        "cgitb.locals",
        ("cgitb",),
        "values of every name in tracebacks",
        "sys.excepthook = sys.__excepthook__",
        cgitb_locals,
    ),
    Door(
        "asyncio.debug",
        ("asyncio",),
        "arguments of slow callbacks, in the log",
        'logging.getLogger("asyncio").setLevel(logging.ERROR)',
        asyncio_debug,
    ),
)
