"""An exception as text that tells nothing of the values it was raised over: types and places only."""

import sys
from types import CodeType, TracebackType
from typing import Final

MAX_FRAMES: Final = 64
MAX_CHAIN: Final = 16


def describe(exc_info: object, /) -> str:
    """Write an exception's types, files, lines and functions; no message, no note, no local, no line of source.

    Only an `AegisError` has its message shown: it promises to hold no value.

    Arguments:
        exc_info: an exception, the triple of `sys.exc_info`, or true for the exception being handled.

    Returns:
        Text in the manner of a traceback; empty if there is no exception; the type's name of one that can't be read.
    """
    try:
        return _described(exc_info)
    except Exception:  # noqa: BLE001 - a class that does as it likes with what every exception has
        return type(exc_info).__qualname__


def _described(exc_info: object) -> str:
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
    said = f": {exc}" if is_ours(exc) else ""
    lines.append(f"{type(exc).__module__}.{type(exc).__qualname__}".removeprefix("builtins.") + said)
    if isinstance(exc, BaseExceptionGroup):
        for inner in members(exc)[:MAX_CHAIN]:
            if id(inner) not in seen:
                nested: list[str] = []
                _chain(inner, nested, seen)
                lines += ("  | " + line for line in nested)


def is_ours(exc: BaseException) -> bool:
    """Say whether an exception is an `AegisError`; looked for without loading the kernel, which lies above."""
    errors = sys.modules.get("aegis_core.kernel.errors")
    return errors is not None and isinstance(exc, errors.AegisError)


def members(group: BaseExceptionGroup[BaseException]) -> tuple[BaseException, ...]:
    """Give the exceptions of a group, past any property of that name that a subclass has."""
    found: tuple[BaseException, ...] = BaseExceptionGroup.exceptions.__get__(group)
    return found


def places(traceback: TracebackType | None) -> list[tuple[CodeType, int]]:
    """Give the code and the line of every frame; of very many, the outermost and the innermost."""
    found: list[tuple[CodeType, int]] = []
    while traceback is not None:
        found.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    half = MAX_FRAMES // 2
    return found if len(found) <= MAX_FRAMES else found[:half] + found[-half:]


def _frames(traceback: TracebackType | None) -> list[str]:
    lines = [f'  File "{code.co_filename}", line {line}, in {code.co_name}' for code, line in places(traceback)]
    if len(lines) >= MAX_FRAMES and (more := _length(traceback) - MAX_FRAMES):
        lines.insert(MAX_FRAMES // 2, f"  [{more} more frames]")
    return lines


def _length(traceback: TracebackType | None) -> int:
    length = 0
    while traceback is not None:
        length, traceback = length + 1, traceback.tb_next
    return length
