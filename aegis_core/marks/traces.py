"""An exception as text that tells nothing of the values it was raised over: types and places only."""

import sys
from types import TracebackType
from typing import Final

MAX_FRAMES: Final = 64
MAX_CHAIN: Final = 16


def describe(exc_info: object, /) -> str:
    """Write an exception's types, files, lines and functions; no message, no note, no local, no line of source.

    Arguments:
        exc_info: an exception, the triple of `sys.exc_info`, or true for the exception being handled.

    Returns:
        Text in the manner of a traceback; empty if there is no exception.
    """
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1] if len(exc_info) > 1 else None
    elif exc_info and not isinstance(exc_info, BaseException):
        exc_info = sys.exc_info()[1]
    if not isinstance(exc_info, BaseException):
        return ""
    lines: list[str] = []
    _chain(exc_info, lines, set())
    return "\n".join(lines)


def _chain(exc: BaseException, lines: list[str], seen: set[int]) -> None:
    seen.add(id(exc))
    if len(seen) > MAX_CHAIN:
        lines.append("[more exceptions]")
        return
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if before is not None and id(before) not in seen:
        _chain(before, lines, seen)
        lines.append("caused:" if exc.__cause__ else "while handling it:")
    lines.append("Traceback (most recent call last; messages are withheld):")
    lines += _frames(exc.__traceback__)
    lines.append(f"{type(exc).__module__}.{type(exc).__qualname__}".removeprefix("builtins."))
    if isinstance(exc, BaseExceptionGroup):
        for inner in exc.exceptions:
            if id(inner) not in seen:
                nested: list[str] = []
                _chain(inner, nested, seen)
                lines += ("  | " + line for line in nested)


def _frames(traceback: TracebackType | None) -> list[str]:
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f'  File "{code.co_filename}", line {traceback.tb_lineno}, in {code.co_name}')
        traceback = traceback.tb_next
    if len(places) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        places[half:-half] = [f"  [{len(places) - MAX_FRAMES} more frames]"]
    return places
