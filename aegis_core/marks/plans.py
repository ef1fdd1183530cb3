"""Compiling the plan of a type: the function that makes of an instance the mapping that may be written.

Plans of attrs classes, dataclasses, named tuples and pydantic models become Python source of one dict display, because
a loop over fields costs several times as much; names that could be anything but identifiers take the loop.
"""

from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from types import MemberDescriptorType
from typing import Any, Protocol

from aegis_core.marks.names import LEARNED
from aegis_core.marks.port import Redactor
from aegis_core.marks.redactors import Pseudonym
from aegis_core.marks.shapes import Field, Shape
from aegis_core.marks.taxonomy import UNKNOWN, DataClass
from aegis_core.marks.walk import SCALARS, Walk

Plan = Callable[..., Any]
"""``plan(value, walk=None)``: what may be written in the value's place."""


class Rules(Protocol):
    """What a plan asks of the redaction that it belongs to."""

    plans: dict[type, Plan]
    keep: frozenset[str]
    tables: dict[str, object]

    def rule(self, data_class: DataClass, /) -> Redactor | None: ...
    def hit(self, name: object, value: object, data_class: DataClass, /) -> object: ...
    def marked(self, value: object, data_class: DataClass, /) -> object: ...
    def loose(self, name: object, value: object, walk: Walk | None, /) -> object: ...
    def nested(self, value: object, walk: Walk | None, /) -> object: ...
    def typed(self, type_: type, /) -> bool: ...


def compile_plan(shape: Shape, rules: Rules, /) -> Plan:
    """Make the plan of a shape under the rules of one redaction."""
    if shape.access in {"attributes", "model"}:
        careful = _by_attributes(shape, rules)
        if all(_is_plain(field.name) for field in shape.fields):
            return _generated(shape, rules, careful)
        return careful
    if shape.access == "member":
        return _of_member(shape, rules)
    return _by_items(shape, rules)


def _of_member(shape: Shape, rules: Rules) -> Plan:
    """A member of an enumeration that is marked: also its name tells what it stands for."""
    data_class = next(field.data_class for field in shape.fields if field.data_class)
    return lambda o, w=None: rules.marked(o.value, data_class)


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not iskeyword(name) and not name.startswith("__")


def _generated(shape: Shape, rules: Rules, careful: Plan) -> Plan:
    """The plan as one dict display. Whatever raises in it is done again, field by field, by the careful one."""
    names: dict[str, object] = {
        "S": SCALARS,
        "W": Walk,
        "nested": rules.nested,
        "loose": rules.loose,
        "marked": rules.marked,
        "open_": _open(rules, UNKNOWN.GENERIC),
        "careful": careful,
        "extras": _extras(shape, rules),
    }

    def display(walk: str) -> str:
        items = (_item(position, field, walk, rules, names) for position, field in enumerate(shape.fields))
        shown = f"{{{', '.join(items)}}}"
        return f"{shown} | extras(o, w) if o.__pydantic_extra__ else {shown}" if shape.access == "model" else shown

    # At the top, where almost every call is, there is nothing to enter and nothing to leave.
    source = f"""
def plan(o, w=None):
    if w is None:
        try:
            return {display("W(o)")}
        except Exception:
            return careful(o, W(o), True)
    if stop := w.enter(o):
        return stop
    try:
        return {display("w")}
    except Exception:
        return careful(o, w, True)
    finally:
        w.leave(o)
"""
    exec(source, names)  # noqa: S102 - made of identifiers and positions alone
    return names["plan"]  # type: ignore[return-value]


def _item(position: int, field: Field, walk: str, rules: Rules, names: dict[str, object]) -> str:
    """One item of the display; what it refers to by position is put into ``names``."""
    key, value = repr(field.name), f"o.{field.name}"
    data_class = _closed(field)
    if field.is_open:
        return f"{key}: open_({value}, {walk})"
    if field.is_loose:
        return f"{key}: loose({key}, {value}, {walk})"
    if data_class is None:
        return f"{key}: v if (k := type(v := {value})) is str or k in S else nested(v, {walk})"
    redactor = rules.rule(data_class)
    if redactor is None:
        return f"{key}: {data_class.marker!r}"
    names[f"c{position}"] = data_class
    if type(redactor) is Pseudonym:
        # In line, as it is on the path of every log line: copy, update (which gives None), digest.
        names[f"k{position}"] = redactor.started(data_class).copy
        digest = f"(h := k{position}()).update(v.encode()) or {redactor.prefix!r} + h.hexdigest()"
        return f"{key}: {digest} if type(v := {value}) is str else marked(v, c{position})"
    return f"{key}: marked({value}, c{position})"


def _closed(field: Field) -> DataClass | None:
    return None if field.data_class is None or field.data_class.taxonomy == "public" else field.data_class


def _open(rules: Rules, unknown: DataClass) -> Callable[[object, Walk | None], object]:
    """A value of which nobody said what it is: objects follow their plans, the rest is erased."""

    def write(value: object, walk: Walk | None) -> object:
        if value is None or type(value) is bool:
            return value
        if rules.typed(type(value)):
            return rules.nested(value, walk)
        if isinstance(value, list | tuple | set):
            return [write(item, walk) for item in value]
        return unknown.marker

    return write


def _extras(shape: Shape, rules: Rules) -> Callable[[Any, Walk | None], dict[str, object]]:
    """What a pydantic model with ``extra="allow"`` was given besides its fields: loose values under loose names."""
    data_class = shape.extra

    def write(model: Any, walk: Walk | None) -> dict[str, object]:
        walk = walk or Walk(model)
        given = model.__pydantic_extra__.items()
        if data_class is not None:
            return {str(name): rules.marked(value, data_class) for name, value in given}
        return {str(name): rules.loose(name, value, walk) for name, value in given}

    return write


def _field_value(field: Field, value: object, rules: Rules, walk: Walk) -> object:
    data_class = _closed(field)
    if data_class is not None:
        return rules.marked(value, data_class)
    if field.is_open:
        return _open(rules, UNKNOWN.GENERIC)(value, walk)
    if field.is_loose:
        return rules.loose(field.name, value, walk)
    return value if type(value) in SCALARS else rules.nested(value, walk)


def _by_attributes(shape: Shape, rules: Rules) -> Plan:
    """The careful plan: a field that can't be read is missing from the result, and harms no other."""

    def plan(o: object, w: Walk | None = None, entered: bool = False) -> object:  # noqa: FBT001, FBT002 - called by generated code
        walk = w or Walk(o)
        if w is not None and not entered and (stop := w.enter(o)):
            return stop
        try:
            written: dict[str, object] = {}
            for field in shape.fields:
                data_class = _closed(field)
                if data_class is not None and rules.rule(data_class) is None:
                    written[field.name] = data_class.marker
                    continue
                try:
                    written[field.name] = _field_value(field, getattr(o, field.name), rules, walk)
                except Exception:  # noqa: BLE001, S112 - an unset slot, or a property that raises
                    continue
            return written
        finally:
            if w is not None and not entered:
                w.leave(o)

    return plan


def _slots(o: object, names: Iterable[str]) -> dict[object, object]:
    """What lies in slots: reading one runs no code of anybody's."""
    cls = type(o)
    slots = (name for name in names if type(getattr(cls, name, None)) is MemberDescriptorType)
    return {name: getattr(o, name) for name in slots if hasattr(o, name)}


def _by_items(shape: Shape, rules: Rules) -> Plan:
    """The plan over what an instance holds at this moment: its ``__dict__``, or a TypedDict's own items."""
    fields = {field.name: field for field in shape.fields}
    is_mapping = shape.access == "mapping"
    undeclared = _open(rules, UNKNOWN.UNDECLARED)

    def plan(o: Any, w: Walk | None = None) -> object:
        walk = w or Walk(o)
        if w is not None and (stop := w.enter(o)):
            return stop
        try:
            held: Mapping[object, object] = o if is_mapping else _slots(o, fields) | getattr(o, "__dict__", {})
            written: dict[str, object] = {}
            for name, value in list(held.items()):
                field = fields.get(name)  # type: ignore[call-overload]
                if field is not None:
                    written[field.name] = _field_value(field, value, rules, walk)
                elif is_mapping or not str(name).startswith("_"):
                    erased = shape.closed and name not in LEARNED and name not in rules.keep
                    written[str(name)] = undeclared(value, walk) if erased else rules.loose(name, value, walk)
            return written
        except Exception:  # noqa: BLE001 - a plan never raises
            return UNKNOWN.UNRESOLVED.marker
        finally:
            if w is not None:
                w.leave(o)

    return plan


__all__ = ["SCALARS", "Plan", "Rules", "compile_plan"]
