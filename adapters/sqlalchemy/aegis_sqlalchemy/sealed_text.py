"""The columns of what is sealed: text to the database, and nothing but sealed texts and tokens come into them."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

from aegis_core import AegisError, ErrorCode
from aegis_core.crypto import is_column_token, is_sealed


class Outright(AegisError, DontWrapMixin):
    """An `AegisError` out of a statement: SQLAlchemy puts no `StatementError` with the statement's values around it."""


class SealedText(TypeDecorator[str]):
    """``TEXT`` that takes sealed texts alone."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Let through what is sealed."""
        if value is None or (isinstance(value, str) and self._may_pass(value)):
            return value
        del value  # a traceback shows locals
        raise Outright(
            ErrorCode.INVALID_ARGUMENT,
            "a value that is not sealed was on its way into a sealed column: set the attribute of an object and add "
            "that to a session, or use `insert(Class)` with a list",
            operation="sqlalchemy.sealed",
        )

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> Any:
        """What a text is compared with has to be sealed, too; a pattern, as for the id of a key, does not."""
        return self.impl_instance if op in (operators.like_op, operators.not_like_op) else self

    def _may_pass(self, value: str) -> bool:
        return is_sealed(value)


class TokenText(SealedText):
    """``TEXT`` that takes tokens alone."""

    cache_ok = True

    def _may_pass(self, value: str) -> bool:
        return is_column_token(value)
