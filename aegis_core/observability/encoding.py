"""Fields of a log line as JSON: orjson where it is installed, the same bytes without it, and never an exception."""

import json
from collections.abc import Callable, Mapping
from datetime import date, time
from math import isfinite
from typing import Final, TypeAlias

#: orjson's option of that name; the standard library's stand-in ignores it and appends the newline all the same.
APPEND_NEWLINE: Final = 1 << 10

_LEAST, _LARGEST = -(2**63), 2**64 - 1
_ERROR: Final = "[error]"


class Encoder:
    """Spells fields as one JSON object with a newline behind it.

    Arguments:
        dumps: called as ``dumps(fields, as_text, APPEND_NEWLINE)``: the logger calls it so itself, because a wrapper
            costs a twentieth of a line. It may raise; calling the encoder never does.
    """

    __slots__ = ("dumps",)

    def __init__(self, dumps: "Dumps", /) -> None:
        self.dumps = dumps

    def __call__(self, fields: Mapping[str, object], /) -> bytes:
        try:
            return self.dumps(fields, as_text, APPEND_NEWLINE)
        except Exception:  # noqa: BLE001 - whatever it was, the cleaned fields can be spelt
            return self.dumps(_clean(dict(fields)), as_text, APPEND_NEWLINE)


Dumps: TypeAlias = Callable[[object, Callable[[object], str], int], bytes]


def best_encoder() -> Encoder:
    """orjson's, if it is installed, else the standard library's."""
    try:
        import orjson
    except ImportError:
        return standard_encoder()
    return Encoder(orjson.dumps)


def standard_encoder() -> Encoder:
    """With the standard library alone; the bytes are orjson's, but for a float with an exponent."""
    spell = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=as_text).encode

    def dumps(fields: object, default: Callable[[object], str], option: int, /) -> bytes:
        return spell(fields).encode() + b"\n"

    return Encoder(dumps)


def as_text(value: object, /) -> str:
    """What stands for a value that JSON has no form for."""
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a text that can't be made
        return _ERROR


def _clean(value: object, depth: int = 0) -> object:
    """The same value without what JSON can't hold: lone surrogates, NaN, integers over 64 bits, endless nesting."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if _LEAST <= value <= _LARGEST else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if depth > 100:
        return "[depth]"
    if isinstance(value, dict):
        return {str(_clean(str(key))): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item, depth + 1) for item in value]
    return _clean(as_text(value))
