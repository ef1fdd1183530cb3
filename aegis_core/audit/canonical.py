"""Canonical JSON for entries: RFC 8785 on a strict profile, so that one value has exactly one spelling.

The profile: ASCII member names, strings that UTF-8 can hold, integers below 2**53, true, false, null, arrays, objects.
Floats, duplicate names and lone surrogates are refused; decimals travel as strings. On this profile sorting names by
code point equals RFC 8785's order by UTF-16 unit, and number spelling needs no algorithm.
"""

import json
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final, NoReturn, TypeAlias, cast

from aegis_core.kernel.errors import AegisError, ErrorCode

Value: TypeAlias = "bool | int | str | list[Value] | tuple[Value, ...] | dict[str, Value] | None"

LARGEST_INTEGER: Final = 2**53 - 1
DEEPEST: Final = 32  #: levels of nesting; deeper values are refused

_SCALARS: Final = frozenset({str, int, bool, type(None)})
_CONTAINERS: Final = frozenset({dict, list, tuple})
_PLAIN: Final = _SCALARS | _CONTAINERS
_BOUNDED_SCALARS: Final = frozenset({str, bool, type(None)})

_Dumps: TypeAlias = "Callable[[object], bytes]"
_Loads: TypeAlias = "Callable[[bytes], object]"

_encode_text: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def encode(value: object, /) -> bytes:
    """Spell a value canonically (RFC 8785 on the strict profile).

    Arguments:
        value: dicts, lists, tuples, str, int, bool and None, by their exact types.

    Raises:
        AegisError: ``invalid_argument``, naming the path of what lies outside the profile, never its value.
    """
    fast = accelerator()
    if fast is not None and _is_plain(value, DEEPEST):
        try:
            return fast[0](value)
        except (TypeError, ValueError):
            pass  # the slow path knows how to name what was wrong
    return encode_slowly(value)


def encode_slowly(value: object, /) -> bytes:
    """`encode` without an accelerator: the same bytes from the standard library alone."""
    _check(value, (), DEEPEST)
    return _encode_text(value).encode("utf-8")


def decode(text: bytes, /) -> Value:
    """Read canonical JSON; any other spelling of the same value is refused.

    Raises:
        AegisError: ``invalid_argument`` for what is not JSON, not on the profile, has duplicate names, or is not
            spelled canonically.
    """
    fast = accelerator()
    if fast is None:
        return decode_slowly(text)
    try:
        value = fast[1](text)
        # Spelling the value again finds white space, escapes, order, duplicates and numbers in other forms. What is
        # left: floats and, unless every byte is ASCII, the names.
        if fast[0](value) == text and (_has_no_float(value, DEEPEST) if text.isascii() else _is_plain(value, DEEPEST)):
            return cast("Value", value)
    except (TypeError, ValueError):
        pass
    return decode_slowly(text)


def decode_slowly(text: bytes, /) -> Value:
    """`decode` without an accelerator."""
    try:
        value = _loads(text.decode("utf-8"))
    except AegisError:
        raise
    except (ValueError, RecursionError):
        # The parser's own message may quote the text.
        _refuse("this is not JSON in UTF-8")
    if encode_slowly(value) != text:
        _refuse("this JSON is not spelled canonically (RFC 8785)")
    return cast("Value", value)


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.canonical") from None


def _refuse_number(_: str) -> NoReturn:
    _refuse("a number is not an integer: write decimals as strings")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("an object has two members of one name")
    return members


_loads: Final[Callable[[str], object]] = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_refuse_number, parse_constant=_refuse_number
).decode


@lru_cache(maxsize=1)
def accelerator() -> tuple[_Dumps, _Loads] | None:
    """The ``dumps`` of orjson for the profile and ``loads``, if it is installed. Neither checks all of the profile."""
    # Found at first use: importing this module must not load an accelerator.
    try:
        import orjson
    except ImportError:
        return None
    options = (
        orjson.OPT_SORT_KEYS
        | orjson.OPT_STRICT_INTEGER
        | orjson.OPT_PASSTHROUGH_SUBCLASS
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
    )
    return partial(orjson.dumps, option=options), orjson.loads


def _is_plain(value: Any, depth: int) -> bool:
    """Whether every type is one of the profile's and every name is ASCII; sizes and surrogates are orjson's to find."""
    kind = type(value)
    if kind is dict:
        try:
            if not "".join(value).isascii():
                return False
        except TypeError:
            return False
        members = value.values()
    elif kind is list or kind is tuple:
        members = value
    else:
        return kind in _SCALARS
    kinds = set(map(type, members))
    if kinds <= _SCALARS:
        return depth > 0
    if depth <= 0 or not kinds <= _PLAIN:
        return False
    depth -= 1
    return all(_is_plain(member, depth) for member in members if type(member) in _CONTAINERS)


def _has_no_float(value: Any, depth: int) -> bool:
    """Whether a parsed value, which has only JSON's types, holds no float and is not too deep."""
    kind = type(value)
    if kind is dict:
        members = value.values()
    elif kind is list:
        members = value
    else:
        return kind is not float
    kinds = set(map(type, members))
    if kinds <= _SCALARS:
        return depth > 0
    if depth <= 0 or float in kinds:
        return False
    depth -= 1
    return all(_has_no_float(member, depth) for member in members if type(member) in _CONTAINERS)


def _check(value: object, path: tuple[str | int, ...], depth: int) -> None:
    """Raise for the first thing outside the profile, in the order of the value."""
    kind = type(value)
    if kind in _BOUNDED_SCALARS:
        if kind is str and not cast("str", value).isascii():
            try:
                cast("str", value).encode("utf-8")
            except UnicodeEncodeError:
                _refuse(f"{_spell(path)} is text with a lone surrogate, which UTF-8 cannot hold")
    elif kind is int:
        if not -LARGEST_INTEGER <= cast("int", value) <= LARGEST_INTEGER:
            _refuse(f"{_spell(path)} is an integer of 2**53 or more: write it as a string")
    elif kind not in _CONTAINERS:
        _refuse(f"{_spell(path)} is a {kind.__name__}: canonical JSON here has str, int, bool, None, list and dict")
    elif depth <= 0:
        _refuse(f"{_spell(path)} is nested deeper than {DEEPEST} levels")
    elif kind is dict:
        for position, (name, member) in enumerate(cast("dict[object, object]", value).items()):
            if type(name) is not str or not name.isascii():
                # The name itself is not shown: somebody may have used a person's.
                _refuse(f"member {position} of {_spell(path)} has a name that is not ASCII text")
            _check(member, (*path, name), depth - 1)
    else:
        for position, member in enumerate(cast("list[object]", value)):
            _check(member, (*path, position), depth - 1)


def _spell(path: tuple[str | int, ...]) -> str:
    spelled = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"the value at ${spelled}"
