"""How values without a mark are written, by their type: plain ones as they are, containers item by item, and what
nobody described is erased.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from itertools import islice
from typing import Any

from aegis_core.marks.classified import Classified
from aegis_core.marks.names import LEARNED
from aegis_core.marks.plans import SCALARS, Plan, Rules
from aegis_core.marks.taxonomy import UNKNOWN
from aegis_core.marks.walk import MAX_VALUES, Walk

# Known by name, so that none of these modules is loaded for it.
_AS_THEY_ARE = frozenset({
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("uuid", "UUID"),
    ("decimal", "Decimal"),
})  # fmt: skip

_NAMES = (str, bytes, Enum)
_PAIRS = frozenset((tuple, list))
_HONEST = frozenset((tuple, list, set, frozenset))  # they hold as many items as their length says


def plan_of_values(type_: type, rules: Rules, /) -> Plan:
    """Make the plan for values of a type that has no fields known to the marks."""
    names = {(base.__module__, base.__qualname__) for base in type_.__mro__}
    if issubclass(type_, Classified):
        return lambda o, w=None: rules.marked(o, o.data_class)
    if issubclass(type_, Enum):
        return _enum
    for plain in (str, bool, int, float):
        if issubclass(type_, plain):
            return _plain(plain)
    if issubclass(type_, bytes | bytearray | memoryview):
        return lambda o, w=None: f"[{memoryview(o).nbytes} bytes]"
    if issubclass(type_, Mapping):
        return _mappings(rules)
    if hasattr(type_, "_mapping"):  # a SQLAlchemy row: a sequence that knows the names of its columns
        by_name = _mappings(rules)
        return lambda o, w=None: by_name(o._mapping, w)
    if issubclass(type_, tuple) and hasattr(type_, "_fields"):
        by_name = _mappings(rules)
        return lambda o, w=None: by_name(o._asdict(), w)
    if ("collections", "UserString") in names:  # a sequence of itself
        return lambda o, w=None: str(o)
    if ("array", "array") in names:  # of letters or octets, which are no items
        return lambda o, w=None: f"[{o.buffer_info()[1]} items]"
    if (type_ is not range and issubclass(type_, Sequence | AbstractSet)) or type_.__name__ == "deque":
        return _sequences(rules)
    if names & _AS_THEY_ARE:
        return lambda o, w=None: o
    if ("pathlib", "PurePath") in names:
        return lambda o, w=None: str(o)
    if issubclass(type_, type):
        return lambda o, w=None: f"{o.__module__}.{o.__qualname__}"
    marker = f"[{type_.__qualname__}]"  # also exceptions: their text may quote any value
    return lambda o, w=None: marker


def _plain(base: type) -> Plan:
    """A subclass of a plain type (markup-safe text, a quantity) as the plain value, whatever its ``__str__`` says."""
    if base is str:
        return lambda o, w=None: str.__str__(o)
    if base is int:
        return lambda o, w=None: int.__int__(o)
    return lambda o, w=None: float.__float__(o)


def _enum(o: Enum, w: Walk | None = None) -> object:
    return o.value if type(o.value) in SCALARS else o.name


def _mappings(rules: Rules) -> Plan:
    """Mappings: values by the names of their keys, FHIR resources by their tables."""
    plans, keep, hit = rules.plans, rules.keep, rules.hit

    def write(value: Mapping[Any, object], walk: Walk | None = None) -> object:
        if walk is None:
            walk = Walk(value)
            walk.left -= len(value)
            if walk.left < 0:
                return "[size]"
        elif stop := walk.enter(value, len(value)):
            return stop
        try:
            if "resourceType" in value:
                from aegis_core.marks.fhir import write_resource

                return write_resource(value, walk, rules)
            written: dict[str, object] = {}
            for key, item in value.items() if type(value) is dict else islice(value.items(), MAX_VALUES):
                if type(key) is not str:
                    written[key_text(key, rules)] = rules.loose(key, item, walk)
                elif key in LEARNED and key not in keep:
                    written[key] = hit(key, item, LEARNED[key])
                else:
                    kind = type(item)
                    written[key] = item if kind in SCALARS else plans[kind](item, walk)
        except Exception:  # noqa: BLE001 - whatever a mapping raises, nothing of it is written
            return UNKNOWN.UNRESOLVED.marker
        else:
            return written
        finally:
            walk.leave(value)

    return write


def key_text(key: object, rules: Rules, /) -> str:
    """Write a key that is no plain text."""
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    shown = rules.nested(key, None)
    return (
        str(shown)
        if isinstance(shown, str | int | float) or type(shown).__module__ in {"datetime", "uuid", "decimal"}
        else "[key]"
    )


def _sequences(rules: Rules) -> Plan:
    """Lists, tuples, sets and their like, as lists."""
    plans = rules.plans

    def write(value: Any, walk: Walk | None = None) -> object:
        if walk is None:
            walk = Walk(value)
            walk.left -= len(value)
            if walk.left < 0:
                return "[size]"
        elif stop := walk.enter(value, len(value)):
            return stop
        try:
            # An item of a mapping, a header: also as a list, as JSON has no tuples.
            if len(value) == 2 and type(value) in _PAIRS and isinstance(value[0], _NAMES):
                return [rules.nested(value[0], walk), rules.loose(value[0], value[1], walk)]
            items = value if type(value) in _HONEST else islice(value, MAX_VALUES)
            return [item if type(item) in SCALARS else plans[type(item)](item, walk) for item in items]
        except Exception:  # noqa: BLE001 - whatever a container raises, nothing of it is written
            return UNKNOWN.UNRESOLVED.marker
        finally:
            walk.leave(value)

    return write
