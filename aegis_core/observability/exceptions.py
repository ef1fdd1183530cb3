"""How an exception stands in a log line: types, places and a fingerprint; no locals, no source, no foreign text."""

import hashlib
from types import TracebackType

from aegis_core.kernel.errors import AegisError

#: What stands for a message that may hold anything. Only `AegisError` promises a message without PHI.
TEXT_MARKER = "[text]"

_DEEPEST_CHAIN = 8
_MOST_FRAMES = 50


def describe(exc: BaseException, /) -> dict[str, object]:
    """Describe an exception, its causes and its group members.

    Frames come innermost last as ``file:line function``. The fingerprint is 16 hex digits over types and functions,
    not lines: it stays when the file is edited elsewhere.
    """
    seen: set[int] = set()
    described = _one(exc, seen, _DEEPEST_CHAIN)
    described["fingerprint"] = fingerprint(exc)
    return described


def fingerprint(exc: BaseException, /) -> str:
    """Name a kind of failure: the same for the same types raised from the same functions."""
    digest = hashlib.blake2b(digest_size=8)
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        digest.update(_type_name(current).encode())
        for frame in _frames(current.__traceback__):
            digest.update(frame[2].encode())
        current = _next(current)
    return digest.hexdigest()


def _one(exc: BaseException, seen: set[int], depth: int) -> dict[str, object]:
    seen.add(id(exc))
    described: dict[str, object] = {"type": _type_name(exc), "message": _message(exc)}
    if isinstance(exc, AegisError):
        described["code"] = exc.code.value
        if exc.operation:
            described["operation"] = exc.operation
        if exc.adapter:
            described["adapter"] = exc.adapter
    described["frames"] = [f"{file}:{line} {function}" for file, line, function in _frames(exc.__traceback__)]
    if depth:
        if isinstance(exc, BaseExceptionGroup):
            members = [member for member in exc.exceptions if id(member) not in seen]
            described["members"] = [_one(member, seen, depth - 1) for member in members[:depth]]
        cause = _next(exc)
        if cause is not None and id(cause) not in seen:
            described["cause"] = _one(cause, seen, depth - 1)
    return described


def _message(exc: BaseException) -> str:
    if isinstance(exc, AegisError):
        return exc.message
    return TEXT_MARKER if exc.args else ""


def _next(exc: BaseException) -> BaseException | None:
    if exc.__cause__ is not None:
        return exc.__cause__
    return None if exc.__suppress_context__ else exc.__context__


def _type_name(exc: BaseException) -> str:
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _frames(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    frames: list[tuple[str, int, str]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((_short(code.co_filename), traceback.tb_lineno, code.co_qualname))
        traceback = traceback.tb_next
    return frames if len(frames) <= _MOST_FRAMES else frames[: _MOST_FRAMES // 2] + frames[-_MOST_FRAMES // 2 :]


def _short(file: str) -> str:
    """The last two parts of a path: enough to find the file, without the home folder's name."""
    return "/".join(file.replace("\\", "/").rsplit("/", 2)[-2:])
