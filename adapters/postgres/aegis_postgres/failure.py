"""What went wrong, from the server's five-letter code (PostgreSQL, Appendix A) or libpq's text."""

from typing import Final

import psycopg

from aegis_core.kernel.errors import AegisError, ErrorCode

ADAPTER: Final = "postgresql"

_BY_STATE: Final = {
    "23505": ErrorCode.CONFLICT,  # unique_violation: another writer was faster
    "25006": ErrorCode.UNAVAILABLE,  # read_only_sql_transaction: a standby; after a failover it is the primary's turn
    "25P03": ErrorCode.DEADLINE_EXCEEDED,  # idle_in_transaction_session_timeout
    "3D000": ErrorCode.PRECONDITION_FAILED,  # no such database
    "3F000": ErrorCode.PRECONDITION_FAILED,  # no such schema
    "42P01": ErrorCode.PRECONDITION_FAILED,  # undefined_table
    "42703": ErrorCode.PRECONDITION_FAILED,  # undefined_column
    "42883": ErrorCode.PRECONDITION_FAILED,  # undefined_function
    "42501": ErrorCode.PERMISSION_DENIED,
    "53300": ErrorCode.UNAVAILABLE,  # too_many_connections
    "55P03": ErrorCode.UNAVAILABLE,  # lock_not_available
    "55006": ErrorCode.UNAVAILABLE,  # object_in_use
    "57014": ErrorCode.DEADLINE_EXCEEDED,  # query_canceled: statement_timeout
    "25P02": ErrorCode.PRECONDITION_FAILED,  # in_failed_sql_transaction
}
_BY_CLASS: Final = {
    "08": ErrorCode.UNAVAILABLE,
    "22": ErrorCode.INVALID_ARGUMENT,
    "28": ErrorCode.PERMISSION_DENIED,
    "40": ErrorCode.CONFLICT,
    "53": ErrorCode.RESOURCE_EXHAUSTED,
    "54": ErrorCode.RESOURCE_EXHAUSTED,
    "57": ErrorCode.UNAVAILABLE,
    "58": ErrorCode.UNAVAILABLE,
    "XX": ErrorCode.INTERNAL,
}
#: A refused connection has no code, only a text.
_REFUSALS: Final = (
    ("password authentication failed", ErrorCode.PERMISSION_DENIED, "refuses the credentials"),
    ("authentication failed", ErrorCode.PERMISSION_DENIED, "refuses the credentials"),
    ("no password supplied", ErrorCode.PERMISSION_DENIED, "asks for a password, and none was given"),
    ("no pg_hba.conf entry", ErrorCode.PERMISSION_DENIED, "refuses this user, host or kind of connection"),
    ("permission denied", ErrorCode.PERMISSION_DENIED, "refuses this user"),
    ("is not permitted to log in", ErrorCode.PERMISSION_DENIED, "refuses this user"),
    ("certificate verify failed", ErrorCode.PERMISSION_DENIED, "shows a certificate that no known authority signed"),
    ("does not match host name", ErrorCode.PERMISSION_DENIED, "shows a certificate for another name"),
    ("root certificate file", ErrorCode.PERMISSION_DENIED, "cannot be verified: name authorities with sslrootcert"),
    ("does not support ssl", ErrorCode.PERMISSION_DENIED, "offers no TLS"),
    ("too many clients", ErrorCode.UNAVAILABLE, "has no connection left"),
    ("remaining connection slots", ErrorCode.UNAVAILABLE, "has no connection left"),
)
_SENTENCES: Final = {
    ErrorCode.UNAVAILABLE: "the database went away, or is starting or stopping: try again",
    ErrorCode.PERMISSION_DENIED: "the database refuses the user this: see the rights in the adapter's page",
    ErrorCode.RESOURCE_EXHAUSTED: "the database has no room left: give it disk or memory",
    ErrorCode.DEADLINE_EXCEEDED: "the database took longer than the call may: whether it happened is not known",
    ErrorCode.CONFLICT: "another writer was faster: read again and decide anew",
    ErrorCode.PRECONDITION_FAILED: "the database does not hold what it must: its schema is missing or another's",
    ErrorCode.INTEGRITY: "the database reports damaged data: restore it",
    ErrorCode.INVALID_ARGUMENT: "the database does not take a value",
    ErrorCode.INTERNAL: "the database failed",
}


class Late(psycopg.OperationalError):
    """The server did not answer within the call's time."""


def code_of(exc: BaseException, /) -> ErrorCode | None:
    """The code of one of psycopg's exceptions; None for any other."""
    if not isinstance(exc, psycopg.Error):
        return None
    if isinstance(exc, (Late, psycopg.errors.ConnectionTimeout)):
        return ErrorCode.DEADLINE_EXCEEDED
    state = exc.sqlstate
    if state is not None:
        if state in {"XX001", "XX002"}:
            return ErrorCode.INTEGRITY
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], ErrorCode.INTERNAL)
    refusal = _refusal(exc)
    if refusal is not None:
        return refusal[0]
    # Without a code of the server's, and of no kind of its own: what came over the line made no sense to libpq.
    if isinstance(exc, (psycopg.OperationalError, psycopg.InterfaceError)) or type(exc) is psycopg.DatabaseError:
        return ErrorCode.UNAVAILABLE
    return ErrorCode.INTERNAL


def as_aegis(exc: psycopg.Error, operation: str, /) -> AegisError:
    """An error without the driver's text, which may quote values; raise it ``from None``."""
    code = code_of(exc) or ErrorCode.INTERNAL
    state = f" (SQLSTATE {exc.sqlstate})" if exc.sqlstate else ""
    return AegisError(code, _SENTENCES[code] + state, operation=operation, adapter=ADAPTER)


def not_connected(exc: psycopg.Error, place: str, operation: str, /) -> AegisError:
    """The error of a connection that could not be made."""
    refusal = _refusal(exc)
    if refusal is not None:
        code, words = refusal
    elif isinstance(exc, (Late, psycopg.errors.ConnectionTimeout)):
        code, words = ErrorCode.UNAVAILABLE, "does not answer in time"
    else:
        code, words = ErrorCode.UNAVAILABLE, "cannot be reached, or does not speak as PostgreSQL does"
    return AegisError(code, f"the database server at {place} {words}", operation=operation, adapter=ADAPTER)


def _refusal(exc: psycopg.Error) -> tuple[ErrorCode, str] | None:
    text = str(exc).lower()
    for words, code, meaning in _REFUSALS:
        if words in text:
            return code, meaning
    if "fatal:" in text and "does not exist" in text:
        if "role" in text:
            return ErrorCode.PERMISSION_DENIED, "refuses the credentials"
        return ErrorCode.PRECONDITION_FAILED, "has no such database: make it, or name another"
    return None
