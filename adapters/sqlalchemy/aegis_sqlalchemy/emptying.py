"""Errors of the database on their way to the application: the same objects, without anybody's data."""

import re
from typing import Any, Final

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import StatementError

from aegis_core import AegisError
from aegis_sqlalchemy.statements import WITHHELD, without_literals

#: What a driver says besides its text: which rule was broken, and never by what.
_FACTS: Final = ("sqlstate", "sqlite_errorname", "constraint_name", "schema_name", "table_name", "column_name")
_KEPT: Final = frozenset({*_FACTS, "pgcode", "data_type_name", "severity", "_encoding"})
#: PostgreSQL's fields of an error (protocol-error-fields) that hold names of the schema's.
_FIELDS: Final = {
    "V": "severity_nonlocalized",
    "C": "sqlstate",
    "s": "schema_name",
    "t": "table_name",
    "c": "column_name",
    "d": "datatype_name",
    "n": "constraint_name",
}
#: What SQLite says in names of tables and columns alone.
_NAMES_ONLY: Final = re.compile(r"[A-Z ]+ constraint failed(: [\w.]+(, [\w.]+)*)?|no such table: [\w.]+")
_DEEPEST: Final = 16


def empty(context: ExceptionContext) -> None:
    """A listener for ``handle_error``. What connecting says stays: there is no statement yet."""
    if context.connection is None:
        return
    error, original = context.sqlalchemy_exception, context.original_exception
    if error is not None or type(original).__module__ == "builtins":  # as UnicodeEncodeError, which nothing wraps
        _empty_driver(original, _DEEPEST)
    if isinstance(error, StatementError):  # one with DontWrapMixin comes as it is
        _empty_statement(error, context.dialect.name)


def _empty_statement(error: StatementError, dialect: str) -> None:
    original = error.orig
    kind = type(original)
    error.args = (f"({kind.__module__}.{kind.__qualname__}) {original}",)
    error.params = None
    error.hide_parameters = True
    if error.statement is not None:
        error.statement = without_literals(error.statement, dialect)


def _empty_driver(error: BaseException | None, left: int) -> None:
    if error is None or left <= 0 or isinstance(error, AegisError):
        return
    _empty_driver(error.__cause__, left - 1)
    _empty_driver(error.__context__, left - 1)
    _empty_psycopg(error)
    for name, value in list(vars(error).items()):
        if isinstance(value, BaseException):
            _empty_driver(value, left - 1)
        elif name not in _KEPT and name != "_info" and not isinstance(value, int | None):
            error.__dict__[name] = None
    if hasattr(error, "__notes__"):
        del error.__notes__
    if isinstance(error, AttributeError):
        error.obj = None  # a type that was given something else
    if isinstance(error, UnicodeError):
        _empty_unicode(error)
    codes = [arg for arg in error.args if isinstance(arg, int)]  # MySQL's drivers begin with the server's code
    error.args = (*codes, _text(error))


def _text(error: BaseException) -> str:
    if len(error.args) == 1 and _NAMES_ONLY.fullmatch(str(error.args[0])):
        return str(error.args[0])
    diagnosed = getattr(error, "diag", None)
    facts = {name: getattr(error, name, None) or getattr(diagnosed, name, None) for name in _FACTS}
    return " ".join([WITHHELD, *(f"{name}={fact}" for name, fact in facts.items() if fact)])


def _empty_psycopg(error: Any) -> None:
    diagnosed = getattr(error, "diag", None)
    if diagnosed is None or "_info" not in vars(error):
        return
    # As an error of psycopg's is after it was pickled: fields by their code.
    facts = {ord(code): getattr(diagnosed, name) for code, name in _FIELDS.items()}
    error._info = {code: fact.encode() for code, fact in facts.items() if fact}
    error._encoding = "utf-8"


def _empty_unicode(error: Any) -> None:
    if hasattr(error, "object"):
        error.object, error.start, error.end, error.reason = type(error.object)(), 0, 0, WITHHELD
