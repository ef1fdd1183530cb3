"""One rule for every connection: TLS 1.2 or newer, certificate and name verified, nothing in the open in production."""

import ssl
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.problems import Problem

_AGREED: Final[WeakKeyDictionary[ssl.SSLContext, str]] = WeakKeyDictionary()


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
    """Whether a failed handshake is among an error's causes: a wrong name, an unknown authority, an old version."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLError):
            return True
        seen.add(id(error))
        reason = getattr(error, "reason", None)  # urllib3 keeps the cause there
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return False
