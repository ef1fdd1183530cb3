"""JSON as bytes (RFC 8259), the same bytes with and without orjson.

Where the two libraries differ, one rule holds, and a property test compares them:

- Floats are finite and written with the shortest digits that read back as the same: ``0.1``, ``1e-7``, ``1e+16``.
  NaN and the infinities are refused.
- Integers lie in −2⁶³ … 2⁶⁴ − 1. Reading, a larger one becomes a float.
- Keys are exactly `str`; no text holds a lone surrogate. At most 254 containers in one another.
- `str`, `int`, `float`, `list`, `tuple`, `dict`, `bool`, None, `UUID`, `Enum` members (by value), aware `datetime`
  (RFC 3339, UTC as ``Z``), `date`, other mappings, and subclasses of the first five; a `Classified` shows its marker.
  Everything else is refused: bytes, sets, decimals, dataclasses are for the caller to spell.
- No spaces; UTF-8; the order of keys is kept, or sorted by code point.
"""

import json as _stdlib
import marshal
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, Final, NoReturn, TypeAlias, cast
from uuid import UUID

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified

_Dumps: TypeAlias = Callable[[object, bool], bytes]
_Loads: TypeAlias = Callable[[bytes], Any]

_DEEPEST: Final = 254
_LEAST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def dumps(value: object, /, *, sort: bool = False) -> bytes:
    """Write a value as JSON.

    Arguments:
        sort: order keys by code point instead of keeping their order.

    Raises:
        AegisError: ``invalid_argument`` for what JSON by the rules above cannot hold; the message names the kind of
            value, never the value.
    """
    return _chosen()[0](value, sort)


def loads(text: bytes | bytearray | memoryview, /) -> Any:
    """Read JSON.

    Raises:
        AegisError: ``invalid_argument`` for anything that is not JSON in UTF-8: NaN, lone surrogates, a byte order
            mark, a number beyond a double, more than 1,024 containers in one another (about 900 without orjson).
    """
    return _chosen()[1](bytes(text))


def _refuse(why: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, f"not JSON: {why}", operation="json")


def _plain(value: object) -> object:
    """What stands for a value that is no plain JSON type. Called by both libraries, so that they agree."""
    if isinstance(value, Classified):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            _refuse("a datetime without a time zone")
        text = value.isoformat()
        return text[:-6] + "Z" if text.endswith("+00:00") else text
    if isinstance(value, (date, UUID)):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return _refuse(f"a value of type {type(value).__name__}")


# ------------------------------------------------------------------------------------------------ standard library


def _write_float(value: float) -> str:
    if not isfinite(value):
        _refuse("a float that is not finite")
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, _, exponent = text.partition("e")
    power = int(exponent)
    if power == -5:  # the one power that repr writes with an exponent and orjson without
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}0.0000{digits.replace('.', '')}"
    return f"{mantissa}e{power:+d}" if power > 0 else f"{mantissa}e{power}"


def _write(value: Any, out: list[str], sort: bool, depth: int) -> None:  # noqa: FBT001 - one branch a JSON type, and a hot loop
    kind = type(value)
    if kind is str:
        out.append(encode_basestring(value))
    elif value is None:
        out.append("null")
    elif value is True:
        out.append("true")
    elif value is False:
        out.append("false")
    elif kind is int:
        if not _LEAST <= value <= _LARGEST:
            _refuse("an integer beyond 64 bits")
        out.append(int.__repr__(value))
    elif kind is float:
        out.append(_write_float(value))
    elif kind is dict:
        _write_object(value, out, sort, depth + 1)
    elif kind is list or kind is tuple:
        _write_array(value, out, sort, depth + 1)
    else:
        _write(_plain(value), out, sort, depth)


def _write_object(value: dict[Any, object], out: list[str], sort: bool, depth: int) -> None:  # noqa: FBT001 - as above
    if depth > _DEEPEST:
        _refuse("too many containers in one another")
    for key in value:
        if type(key) is not str:
            _refuse("a key that is no str")
    if not value:
        out.append("{}")
        return
    separator = "{"
    for key in sorted(value) if sort else value:
        out.append(f"{separator}{encode_basestring(key)}:")
        separator = ","
        _write(value[key], out, sort, depth)
    out.append("}")


def _write_array(value: list[object] | tuple[object, ...], out: list[str], sort: bool, depth: int) -> None:  # noqa: FBT001 - as above
    if depth > _DEEPEST:
        _refuse("too many containers in one another")
    if not value:
        out.append("[]")
        return
    separator = "["
    for item in value:
        out.append(separator)
        separator = ","
        _write(item, out, sort, depth)
    out.append("]")


def _stdlib_dumps(value: object, sort: bool) -> bytes:  # noqa: FBT001 - one signature for both libraries
    out: list[str] = []
    _write(value, out, sort, 0)
    try:
        return "".join(out).encode()
    except UnicodeEncodeError:
        pass
    return _refuse("a text with a lone surrogate")


def _no_constant(_text: str) -> NoReturn:
    _refuse("NaN or an infinity")


def _read_int(text: str) -> int | float:
    value = int(text) if len(text) < 32 else _LARGEST + 1  # not every digit of a bomb
    return value if _LEAST <= value <= _LARGEST else _read_float(text)


def _read_float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        _refuse("a number beyond a double")
    return value


_DECODER = _stdlib.JSONDecoder(parse_constant=_no_constant, parse_int=_read_int, parse_float=_read_float)


def _stdlib_loads(text: bytes) -> Any:
    try:
        decoded = text.decode()
        if decoded.startswith("\ufeff"):
            _refuse("a byte order mark")
        value = _DECODER.decode(decoded)
        if "\\u" in decoded:
            _check_surrogates(value)
    except (ValueError, RecursionError):
        # From None: the parser's own error keeps the whole document.
        pass
    else:
        return value
    return _refuse("the text does not follow RFC 8259")


def _check_surrogates(value: object) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            item.encode()  # UnicodeEncodeError is a ValueError
        elif isinstance(item, list):
            pending.extend(item)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(item, dict):
            pending.extend(item)  # pyright: ignore[reportUnknownArgumentType]
            pending.extend(item.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


# ---------------------------------------------------------------------------------------------------------- orjson

_NOT_FINITE: Final = re.compile(rb"g.{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)
#: Written by rule; an orjson that writes these floats otherwise is not used.
_PROBE: Final = ([0.1, 1e-4, 1.5e-5, 1e-7, 1e16, 1.25e17, -0.0], b"[0.1,0.0001,0.000015,1e-7,1e+16,1.25e+17,-0.0]")


def _may_hide_nan(value: object) -> bool:
    """Whether a float that is not finite may be in a value: a scan in C, several times as fast as looking at each.

    In this form of marshal a float is ``g`` and eight bytes, the exponent last; all its bits are set where the float is
    not finite. A chance hit, or a type that marshal does not know, only means that each value is looked at.
    """
    try:
        return _NOT_FINITE.search(marshal.dumps(cast(Any, value), 2)) is not None
    except ValueError:
        return True


def _check_finite(value: object) -> None:
    """Orjson writes null for NaN, so behind a null we look."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Enum):
            item = item.value
        if isinstance(item, float):
            if not isfinite(item):
                _refuse("a float that is not finite")
        elif isinstance(item, (list, tuple)):
            pending.extend(item)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(item, Mapping):
            pending.extend(item.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _fast() -> tuple[_Dumps, _Loads] | None:
    try:
        import orjson
    except ImportError:
        return None
    if orjson.dumps(_PROBE[0]) != _PROBE[1]:
        return None
    keep = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
    sorted_keys = keep | orjson.OPT_SORT_KEYS
    write, read = orjson.dumps, orjson.loads

    def fast_dumps(value: object, sort: bool) -> bytes:  # noqa: FBT001 - one signature for both libraries
        try:
            text = write(value, _plain, sorted_keys if sort else keep)
        except TypeError:
            text = None
        if text is None:  # the other writer refuses it, too, and says why
            return _stdlib_dumps(value, sort)
        if b"null" in text and _may_hide_nan(value):
            _check_finite(value)
        return text

    def fast_loads(text: bytes) -> Any:
        try:
            return read(text)
        except ValueError:
            pass
        return _refuse("the text does not follow RFC 8259")

    return fast_dumps, fast_loads


_implementation: tuple[_Dumps, _Loads] | None = None


def _chosen() -> tuple[_Dumps, _Loads]:
    global _implementation  # noqa: PLW0603 - chosen once, at first use
    if _implementation is None:
        _implementation = _fast() or (_stdlib_dumps, _stdlib_loads)
    return _implementation
