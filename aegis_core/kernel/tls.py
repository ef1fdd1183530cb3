"""One rule for every connection: TLS 1.2 or newer, certificate and name verified, nothing in the open in production."""

import ssl
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.problems import Problem

_AGREED: Final[WeakKeyDictionary[ssl.SSLContext, str]] = WeakKeyDictionary()


#: A server that is killed says no farewell: of TLS's own exceptions these tell of the connection, and not of trust.
_BROKEN: Final = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
#: The same by OpenSSL's reason: bytes that were garbled on the way, and a server's own failure (RFC 8446 section 6.2).
_BROKEN_BY: Final = frozenset(
    {
        "APPLICATION_DATA_AFTER_CLOSE_NOTIFY",
        "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        "SSLV3_ALERT_BAD_RECORD_MAC",
        "TLSV1_ALERT_INTERNAL_ERROR",
        "TLSV1_ALERT_USER_CANCELLED",
        "UNEXPECTED_EOF_WHILE_READING",
    }
)


class _Noting(ssl.SSLSocket):
    """Notes which version was agreed on, for `agreed_version`: drivers keep their sockets to themselves."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the standard library
        super().do_handshake(block)
        _AGREED[self.context] = self.version() or ""


def client_context(*, authorities: Path | None = None) -> ssl.SSLContext:
    """A context for clients that verifies certificate and host name and takes TLS 1.2 (RFC 5246) or newer.

    Arguments:
        authorities: a PEM file of certificate authorities that are trusted instead of the system's.

    Raises:
        OSError: the file can't be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _Noting
    return context


def agreed_version(context: ssl.SSLContext, /) -> str:
    """The version of the last handshake with a context of `client_context`, as ``TLSv1.3``; empty: there was none."""
    return _AGREED.get(context, "")


def plaintext_problem(setting: str, environment: Environment, /, *, hint: str, source: str = "") -> Problem | None:
    """The problem of a URL that asks for a connection without TLS: one in production, none elsewhere.

    Arguments:
        setting: the variable's name.
        hint: how the same is written with TLS.
    """
    if environment != "production":
        return None
    return Problem(setting, "must use TLS in production", source, hint)


def is_certificate_failure(error: BaseException | None, /) -> bool:
    """Whether a refused handshake is among an error's causes: a wrong name, an unknown authority, an old version.

    A connection that broke off is none, in a handshake or after it: whoever tries again may be served.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        reason = getattr(error, "reason", None)  # OpenSSL's word; urllib3 keeps the cause there
        if isinstance(error, ssl.SSLError) and not isinstance(error, _BROKEN) and reason not in _BROKEN_BY:
            return True
        seen.add(id(error))
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return False
