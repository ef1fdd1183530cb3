"""What a sealed attribute is in a statement: found by its token, compared with nothing else."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.sql import operators

from aegis_core import AegisError, Classified, ErrorCode
from aegis_sqlalchemy.sealed_text import Outright

_NULL: Final = {operators.eq: True, operators.is_: True, operators.ne: False, operators.is_not: False}
_VALUE: Final = {operators.eq: True, operators.in_op: True, operators.ne: False, operators.not_in_op: False}


class Searched(operators.ColumnOperators):
    """A sealed attribute of a class, or of an alias of it.

    Arguments:
        box: the column of the sealed texts.
        token: the column of tokens, if there is one.
        classified: takes texts alone.
        tokens: gives every token that values may have; called when the statement is executed.
    """

    def __init__(
        self,
        box: Any,
        token: Any,
        /,
        classified: Callable[[Any], Classified[str]],
        tokens: Callable[[Sequence[Classified[str]]], list[str]],
    ) -> None:
        self._box = box
        self._token = token
        self._classified = classified
        self._tokens = tokens

    def operate(self, op: operators.OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[bool]:
        """``==``, ``!=``, ``in_`` and ``not_in``; everything else is refused."""
        found: ColumnElement[bool]
        if other == (None,) and op in _NULL:
            found = self._box.is_(None) if _NULL[op] else self._box.is_not(None)
            return found
        if op not in _VALUE:
            del other
            refuse("a sealed column has no order, no parts and no ranges: only ==, !=, in_ and not_in")
        if self._token is None:
            del other
            refuse("a sealed column is searched by its token: declare it with token=")
        many = op in (operators.in_op, operators.not_in_op)
        values = tuple(map(self._classified, other[0] if many else other))
        sought = bindparam(None, callable_=lambda: self._sought(values), type_=self._token.type, expanding=True)
        found = self._token.in_(sought) if _VALUE[op] else self._token.not_in(sought)
        return found

    def __clause_element__(self) -> NoReturn:
        refuse("a sealed column is no expression: select the entity, and read its attribute")

    def _sought(self, values: Sequence[Classified[str]]) -> list[str]:
        try:
            return self._tokens(values)
        except AegisError as error:
            raise Outright(error.code, str(error), operation=error.operation, adapter=error.adapter) from error


def refuse(message: str, /) -> NoReturn:
    """Raise ``invalid_argument``."""
    raise Outright(ErrorCode.INVALID_ARGUMENT, message, operation="sqlalchemy.sealed")
