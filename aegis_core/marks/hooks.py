"""What Python itself prints of exceptions that nobody caught: types and places in the place of text and values."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aegis_core.marks.traces import describe

if TYPE_CHECKING:
    import asyncio
    import threading

_LOOP_MESSAGES: Final = (
    # What asyncio says may go on with the repr of a callback's arguments or of a result.
    "Task exception was never retrieved",
    "Future exception was never retrieved",
    "Task was destroyed but it is pending!",
    "Exception in callback",
    "Unhandled exception in client_connected_cb",
    "Fatal error on transport",
    "Using selector",
    "An error occurred during closing of asynchronous generator",
    "socket.send() raised exception.",
    "Executing",
)


def install_excepthook() -> Callable[[], None]:
    """Print exceptions that nobody caught as `describe` writes them, wherever Python prints them itself.

    At the end of the program, in threads, in finalizers (``sys.unraisablehook``); and, called inside a running asyncio
    loop, what that loop reports (a task whose exception nobody took): a later loop needs
    ``loop.set_exception_handler(report_loop_error)``. Exit codes stay. Doing it twice does nothing. Hooks that were
    there are not called: an error tracker is set up after it, and then calls it.

    Returns:
        A function that undoes it.
    """
    import threading

    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    loop = asyncio._get_running_loop() if (asyncio := sys.modules.get("asyncio")) else None
    handled = loop.get_exception_handler() if loop else None
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _in_thread, _unraisable
    if loop:
        loop.set_exception_handler(report_loop_error)

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
        if loop:
            loop.set_exception_handler(handled)

    return undo


def report_loop_error(loop: "asyncio.AbstractEventLoop", context: Mapping[str, Any], /) -> None:
    """Log what an asyncio loop reports, without text and values: a handler for ``loop.set_exception_handler``."""
    import logging

    message = known_beginning(str(context.get("message", "")))
    running = getattr(context.get("task") or context.get("future"), "get_coro", lambda: None)()
    called = getattr(context.get("handle"), "_callback", None)
    where = getattr(running, "__qualname__", None) or getattr(called, "__qualname__", None)
    lines = [f"{message} ({where})" if where else message, describe(context.get("exception"))]
    logging.getLogger("aegis_core.marks").error("\n".join(filter(None, lines)))


def known_beginning(said: str) -> str:
    """Give what asyncio always says of such an event, without what follows."""
    return next((known for known in _LOOP_MESSAGES if said.startswith(known)), "[a message of asyncio]")


def _uncaught(kind: type[BaseException], exc: BaseException, traceback: object) -> None:
    _print("", exc)


def _in_thread(args: "threading.ExceptHookArgs", /) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        _print("Exception in a thread:\n", args.exc_value)


def _unraisable(args: "sys.UnraisableHookArgs", /) -> None:
    kind = args.object if isinstance(args.object, type) else type(args.object)
    where = getattr(args.object, "__qualname__", None) or kind.__qualname__
    _print(f"Exception ignored in {where}:\n", args.exc_value)


def _print(head: str, exc: BaseException | None) -> None:
    stream = sys.stderr
    if stream is None:
        return
    with suppress(Exception):  # of a hook that raises Python prints the first error, with its text
        print(head + describe(exc), file=stream, flush=True)


__all__ = ["install_excepthook", "report_loop_error"]
