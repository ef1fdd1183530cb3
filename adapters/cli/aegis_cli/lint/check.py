"""Judging one file: one walk over its tree."""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from aegis_cli.lint.calls import (
    in_route,
    is_log_call,
    is_place,
    is_print,
    is_request,
    is_telemetry,
    is_url,
    placeholders,
    route_of,
)
from aegis_cli.lint.knowledge import Knowledge, is_marked, parameters
from aegis_cli.lint.model import Remark
from aegis_cli.lint.values import Values, last_name
from aegis_cli.names import mark_for, suggested

_MADE_OF_TEXT: Final = (ast.JoinedStr, ast.BinOp, ast.Call)
_KNOWN_BASES: Final = frozenset("BaseModel TypedDict NamedTuple Struct SQLModel DeclarativeBase Base Schema".split())
_MAKES_FIELDS: Final = frozenset("dataclass define frozen mutable attrs s dataclasses guarded".split())
_PLAIN_TYPES: Final = frozenset("str int float bytes date datetime Decimal UUID Optional list List None Mapped".split())
_OPTIONS_OF_LOGGING: Final = frozenset(("exc_info", "stack_info", "stacklevel", "extra"))


class Check(ast.NodeVisitor):
    """One walk over a module.

    Arguments:
        file: as remarks name it.
        knowledge: learned from all files.
    """

    def __init__(self, file: str, knowledge: Knowledge) -> None:
        self.remarks: list[Remark] = []
        self._file = file
        self._knowledge = knowledge
        self._values = Values(knowledge)
        self._caught: list[str] = []  # names of exceptions in the handlers around
        self._inside_log = 0

    # --------------------------------------------------------------------------------------------------- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer = self._values.marked, self._values.objects
        marked, objects = set(outer[0]), dict(outer[1])
        for parameter in parameters(node):
            if parameter.annotation is None:
                continue
            if is_marked(parameter.annotation):
                marked.add(parameter.arg)
            elif known := self._knowledge.class_of(last_name(parameter.annotation)):
                objects[parameter.arg] = known
        self._values.marked, self._values.objects = marked, objects
        self.generic_visit(node)
        self._values.marked, self._values.objects = outer

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Call) and (known := self._knowledge.class_of(last_name(node.value.func))):
            self._values.objects.update({target.id: known for target in node.targets if isinstance(target, ast.Name)})
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._caught.append(node.name or "")
        self.generic_visit(node)
        self._caught.pop()

    # ------------------------------------------------------------------------------------------------ statements

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if _has_fields(node):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    self._field(node.name, item.target.id, item)
        self.generic_visit(node)

    def _field(self, owner: str, name: str, item: ast.AnnAssign) -> None:
        if is_marked(item.annotation) or not _is_plain(item.annotation):
            return
        annotation = suggested(name, owner, ast.unparse(item.annotation))
        if annotation:
            made = self._remark(item, "AEG011", f"{owner}.{name} bears no mark")
            self.remarks.append(attrs.evolve(made, fix=f"{name}: {annotation}"))

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Call):
            self._text_of_error(
                node.exc, [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)], "exception"
            )
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        if node.msg is not None:
            self._text_of_error(node.msg, [node.msg], "assertion")
        self.generic_visit(node)

    def _text_of_error(self, where: ast.expr, texts: Iterable[ast.expr], kind: str) -> None:
        for text in texts:
            if held := self._values.held_by(text) or self._values.dumped_by(text):
                self._say(where, "AEG007", f"{held} in the text of an {kind}")
                return

    # ---------------------------------------------------------------------------------------------- expressions

    def visit_Call(self, node: ast.Call) -> None:
        if is_log_call(node):
            self._log_call(node)
            self._inside_log += 1
            self.generic_visit(node)
            self._inside_log -= 1
            return
        if is_print(node):
            self._first_held(node, "AEG004", "{} is printed")
        elif is_telemetry(node):
            self._first_held(node, "AEG009", "{} in a span, a metric or an error report")
        elif is_place(node) and node.args and (held := self._values.held_by(node.args[0])):
            self._say(node, "AEG010", f"{held} in the name of a file or the key of a cache")
        elif (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "warn"
            and last_name(node.func.value) == "warnings"
        ):
            self._text_of_error(node, node.args[:1], "exception or warning")
        elif last_name(node.func) == "add_note":
            self._text_of_error(node, node.args, "exception")
        if is_request(node):
            self._query(node)
        for name in in_route(route_of(node)):
            if mark_for(name) or self._knowledge.is_field(name):
                self._say(node, "AEG006", f"{name} in the path of a route")
        if is_url(node):
            self._url(node)
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._url(node)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._url(node)
        self.generic_visit(node)

    def _url(self, text: ast.expr) -> None:
        if not self._inside_log and is_url(text) and (held := self._values.held_by(text)):
            self._say(text, "AEG005", f"{held} in a URL")

    def _query(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg == "params" and (held := self._values.held_by(keyword.value)):
                self._say(node, "AEG005", f"{held} in the query of a URL")

    def _first_held(self, node: ast.Call, code: str, says: str) -> None:
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            held = self._values.held_by(value) or self._values.dumped_by(value)
            held = held or (self._values.object_in(value) if code == "AEG009" else "")
            if held:
                self._say(node, code, says.format(held))
                return

    # ---------------------------------------------------------------------------------------------------- logging

    def _log_call(self, node: ast.Call) -> None:
        args = node.args[1:] if isinstance(node.func, ast.Attribute) and node.func.attr == "log" else node.args
        said = {remark.code for remark in self._log_remarks(node, list(args))}
        for remark in self._log_remarks(node, list(args)):
            if remark.code in said:  # one remark a rule and call
                said.discard(remark.code)
                self.remarks.append(remark)

    def _log_remarks(self, node: ast.Call, args: list[ast.expr]) -> Iterator[Remark]:
        message = args[0] if args else None
        if isinstance(message, _MADE_OF_TEXT) and (
            held := self._values.held_by(message) or self._values.shown_in(message)
        ):
            yield self._remark(node, "AEG001", f"{held} is written into the message")
        keywords = [keyword for keyword in node.keywords if keyword.arg not in _OPTIONS_OF_LOGGING]
        for value in (*args, *(keyword.value for keyword in keywords)):
            if dumped := self._values.dumped_by(value):
                yield self._remark(node, "AEG003", f"{dumped} without its marks")
            if self._quotes_exception(value, is_message=value is message):
                yield self._remark(node, "AEG008", "the text of an exception")
        yield from self._unnamed(node, message, args[1:])
        for keyword in node.keywords:
            if keyword.arg and (keyword.arg not in _OPTIONS_OF_LOGGING or isinstance(keyword.value, ast.Dict)):
                yield from self._misnamed(node, keyword.arg, keyword.value)

    def _unnamed(self, node: ast.Call, message: ast.expr | None, args: list[ast.expr]) -> Iterator[Remark]:
        if not isinstance(message, ast.Constant) or not isinstance(message.value, str):
            return
        named = placeholders(message.value)
        if len(args) == 1 and isinstance(args[0], ast.Dict):
            yield from self._misnamed(node, "", args[0])
            return
        for place, value in enumerate(args):
            word = named[place] if len(named) == len(args) else ""
            yield from self._misnamed(node, word, value)

    def _misnamed(self, node: ast.Call, name: str, value: ast.expr) -> Iterator[Remark]:
        """A value under a name by which nobody would know it. Objects are known by their class, values of a mapping by
        their keys.
        """
        if isinstance(value, ast.Dict):
            for key, inner in zip(value.keys, value.values, strict=True):
                yield from self._misnamed(node, str(key.value) if isinstance(key, ast.Constant) else "", inner)
            return
        held = self._values.held_by(value)
        if held and not self._values.object_in(value) and not (mark_for(name) or self._knowledge.is_field(name)):
            under = f'"{name}"' if name else "no name"
            yield self._remark(node, "AEG002", f"{held} under {under}")

    def _quotes_exception(self, value: ast.expr, *, is_message: bool) -> bool:
        match value:
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)]):
                return name in self._caught
            case ast.Call(func=ast.Attribute(attr="format_exc" | "format_exception" | "format_exception_only")):
                return True
            case ast.Attribute(value=ast.Name(id=name), attr="args" | "message" | "detail"):
                return name in self._caught
            case ast.JoinedStr(values=parts):
                return any(
                    isinstance(part, ast.FormattedValue)
                    and (
                        (isinstance(part.value, ast.Name) and part.value.id in self._caught)
                        or self._quotes_exception(part.value, is_message=False)
                    )
                    for part in parts
                )
            case ast.BinOp(left=left, right=right):
                return self._quotes_exception(left, is_message=False) or (
                    (isinstance(right, ast.Name) and right.id in self._caught)
                    or self._quotes_exception(right, is_message=False)
                )
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format"), args=args):
                return any(isinstance(each, ast.Name) and each.id in self._caught for each in args)
            case _:
                return False

    # --------------------------------------------------------------------------------------------------- remarks

    def _remark(self, node: ast.expr | ast.stmt, code: str, says: str) -> Remark:
        return Remark(self._file, node.lineno, node.col_offset + 1, code, says, node.end_lineno or node.lineno)

    def _say(self, node: ast.expr | ast.stmt, code: str, says: str) -> None:
        self.remarks.append(self._remark(node, code, says))


def _has_fields(node: ast.ClassDef) -> bool:
    bases = {last_name(base) for base in node.bases}
    makers = {last_name(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list}
    return bool(bases & _KNOWN_BASES or makers & _MAKES_FIELDS)


def _is_plain(annotation: ast.expr) -> bool:
    """Whether an annotation is of plain values: an object has marks of its own."""
    names = {found.id for found in ast.walk(annotation) if isinstance(found, ast.Name)}
    text = isinstance(annotation, ast.Constant)
    return (bool(names) and names <= _PLAIN_TYPES and names - {"Mapped"} != {"None"}) or text
