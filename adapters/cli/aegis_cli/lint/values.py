"""Whether an expression holds a value that must not leave, as far as its names say."""

import ast
from typing import Final

from aegis_cli.lint.knowledge import Knowledge
from aegis_cli.names import mark_for

#: Calls that hand on what they are given.
_HANDS_ON: Final = frozenset("str repr format ascii title strip upper lower encode isoformat strftime join".split())

#: Calls that take an object's marks from it.
_DUMPS: Final = frozenset(
    "vars asdict astuple model_dump model_dump_json dict json to_dict as_dict __dict__ pformat".split()
)

_PERSON_WORDS: Final = frozenset(("patient", "person", "guardian"))


class Values:
    """What names hold, in one file.

    Arguments:
        knowledge: learned from every file.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.marked: set[str] = set()  # names in the present function that an annotation marks
        self.objects: dict[str, tuple[str, ...]] = {}  # names in it that hold an object with marked fields → its class

    def held_by(self, node: ast.expr | None) -> str:
        """The name by which a value is known that lies in an expression; empty if none does."""
        match node:
            case ast.Name(id=name):
                return name if self._is_value(name) else ""
            case ast.Attribute(value=owner, attr=name):
                return f"{last_name(owner)}.{name}".lstrip(".") if self._is_value(name, last_name(owner)) else ""
            case ast.Subscript(value=owner, slice=ast.Constant(value=str() as name)):
                return name if self._is_value(name, last_name(owner)) else ""
            case ast.Subscript(value=owner):
                return self.held_by(owner)
            case ast.JoinedStr(values=parts):
                return self._first(parts)
            case ast.FormattedValue(value=inner) | ast.Starred(value=inner) | ast.Await(value=inner):
                return self.held_by(inner)
            case ast.NamedExpr(value=inner):
                return self.held_by(inner)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                return self.held_by(left) or self.held_by(right)
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return self._first(parts)
            case ast.IfExp(body=yes, orelse=no):
                return self.held_by(yes) or self.held_by(no)
            case ast.Dict(values=parts):
                return self._first(parts)
            case ast.Call():
                return self._of_call(node)
            case _:
                return ""

    def dumped_by(self, node: ast.expr | None) -> str:
        """The name of a marked object that an expression takes its marks from, such as ``vars(patient)``."""
        match node:
            case ast.Call(func=ast.Name(id="locals")):
                return "locals()"
            case ast.Call(func=ast.Name(id=call), args=[inner, *_]) if call in _DUMPS:
                return self._object(inner)
            case ast.Call(func=ast.Attribute(value=ast.Name(), attr=call), args=[inner, *_]) if call in _DUMPS:
                return self._object(inner)
            case ast.Call(func=ast.Attribute(value=inner, attr=call)) if call in _DUMPS:
                return self._object(inner)
            case ast.Attribute(value=inner, attr="__dict__"):
                return self._object(inner)
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[inner]) | ast.FormattedValue(value=inner):
                return self.dumped_by(inner)
            case ast.JoinedStr(values=parts):
                return next((found for part in parts if (found := self.dumped_by(part))), "")
            case ast.Starred(value=inner):
                return self.dumped_by(inner)
            case _:
                return ""

    def object_in(self, node: ast.expr | None) -> str:
        """The name of a marked object that an expression is."""
        return self._object(node) if node is not None else ""

    def _object(self, node: ast.expr) -> str:
        name = last_name(node)
        is_known = name in self.objects or name in _PERSON_WORDS or (name and self._knowledge.class_of(name))
        return name if is_known else ""

    def shown_in(self, node: ast.expr | None) -> str:
        """The name of a marked object whose own text, which is not guarded, a text is made of."""
        match node:
            case ast.JoinedStr(values=parts):
                return next((found for part in parts if (found := self.shown_in(part))), "")
            case (
                ast.FormattedValue(value=ast.Name(id=name))
                | ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)])
            ):
                known = self.objects.get(name) or self._knowledge.class_of(name)
                return name if known and known not in self._knowledge.guarded else ""
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                return self.shown_in(left) or self.shown_in(right)
            case _:
                return ""

    def _first(self, parts: "list[ast.expr]") -> str:
        return next((found for part in parts if (found := self.held_by(part))), "")

    def _is_value(self, name: str, owner: str = "") -> bool:
        if not owner and name in self.marked:
            return True
        if name.isupper():  # a constant: the name of a key, not what lies under it
            return False
        return bool(mark_for(name, owner)) or self._knowledge.is_field(name)

    def _of_call(self, node: ast.Call) -> str:
        match node.func:
            case ast.Name(id="getattr") if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                name = str(node.args[1].value)
                return name if self._is_value(name, last_name(node.args[0])) else ""
            case ast.Name(id=call) if call in _HANDS_ON:
                return self._first(node.args)
            case ast.Attribute(value=ast.Constant(value=str()), attr="format"):
                return self._first(node.args) or self._first([keyword.value for keyword in node.keywords])
            case ast.Attribute(value=ast.Constant(value=str()), attr="join"):
                return self._first(node.args)
            case ast.Attribute(value=owner, attr="get" | "pop") if node.args and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
                return name if self._is_value(name, last_name(owner)) else ""
            case ast.Attribute(value=owner, attr=call) if call in _HANDS_ON:
                return self.held_by(owner)
            case _:
                return ""


def last_name(node: ast.expr) -> str:
    """The last name of an expression: ``patient`` of ``self.patient`` and of ``rows[0].patient``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=ast.expr() as inner):
            return last_name(inner)
        case ast.Await(value=inner):
            return last_name(inner)
        case _:
            return ""
