"""One connection to a mail server, and one message over it. Blocking: used in a thread hop."""

import re
import smtplib
import ssl
from enum import Enum
from typing import Final, Literal

import attrs

Security = Literal["starttls", "tls", "none"]

_ENHANCED: Final = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_DOTS: Final = re.compile(rb"^\.", re.MULTILINE)


@attrs.frozen
class Server:
    """Where a mail server is and how it is spoken to.

    Arguments:
        security: ``starttls``: required, not hoped for; ``tls`` from the first byte; ``none``.
        context: verifies certificate and name; None where there is no TLS.
    """

    host: str
    port: int
    security: Security
    context: ssl.SSLContext | None = attrs.field(repr=False)
    user: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)
    local_name: str = "localhost"


class Stage(Enum):
    """How far a message got."""

    BEFORE = "before"  #: the server has certainly not taken it
    HANDED = "handed"  #: it may have: the reply is missing


class Failure(Exception):
    """A message that did not go through.

    Arguments:
        stage: whether the server may have taken it.
        code: the server's reply code (RFC 5321 §4.2), 0 where the connection failed.
        enhanced: the enhanced status code (RFC 3463), where it gave one.
    """

    def __init__(self, stage: Stage, /, code: int = 0, enhanced: str = "", *, kind: str = "") -> None:
        super().__init__(f"{kind or 'the server'} {code or ''} {enhanced}".strip())
        self.stage = stage
        self.code = code
        self.enhanced = enhanced
        self.kind = kind

    @property
    def is_final(self) -> bool:
        """Whether trying again is of no use (a reply of 500 or more)."""
        return self.code >= 500


class NoStartTls(Exception):
    """The server does not offer STARTTLS, and the URL asks for it."""


class Session:
    """An open, greeted and, where there is a user, authenticated connection.

    Arguments:
        limit: seconds that connecting, and later each reply, may take.
    """

    def __init__(self, server: Server, /, *, limit: float) -> None:
        self.sent = 0
        self._smtp: smtplib.SMTP
        if server.security == "tls":
            self._smtp = smtplib.SMTP_SSL(
                server.host, server.port, server.local_name, timeout=limit, context=server.context
            )
        else:
            self._smtp = smtplib.SMTP(server.host, server.port, server.local_name, timeout=limit)
        try:
            if server.security == "starttls":
                self._smtp.ehlo()
                if not self._smtp.has_extn("starttls"):
                    raise NoStartTls
                self._smtp.starttls(context=server.context)
            self._smtp.ehlo_or_helo_if_needed()
            if server.user is not None:
                self._log_in(server.user, server.password or "")
        except BaseException:
            self._smtp.close()
            raise

    def _log_in(self, user: str, password: str) -> None:
        """Authenticate by one mechanism: a server that counts refusals hangs up on a client that tries them all."""
        offered = self._smtp.esmtp_features.get("auth", "").upper().split()
        self._smtp.user, self._smtp.password = user, password
        if "PLAIN" in offered:
            self._smtp.auth("PLAIN", self._smtp.auth_plain)
        elif "LOGIN" in offered:
            self._smtp.auth("LOGIN", self._smtp.auth_login)
        else:
            self._smtp.login(user, password)

    def wait_at_most(self, seconds: float, /) -> None:
        """Set the limit for each reply from now on."""
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)

    def is_alive(self) -> bool:
        """Whether the server still answers on this connection."""
        try:
            return self._smtp.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    @property
    def takes_utf8(self) -> bool:
        """Whether the server takes addresses outside ASCII (RFC 6531)."""
        return self._smtp.has_extn("smtputf8")

    def send(self, sender: str, recipient: str, body: bytes, /, *, utf8: bool) -> None:
        """Send one message to one recipient.

        Arguments:
            body: the whole message, lines ending in CRLF.

        Raises:
            Failure: it was refused, or it is not known whether it was taken.
        """
        options = [f"size={len(body)}"] if self._smtp.has_extn("size") else []
        if self._smtp.has_extn("8bitmime"):
            options.append("body=8bitmime")
        if utf8:
            options.append("SMTPUTF8")
            self._smtp.command_encoding = "utf-8"
        try:
            _expect({250}, *self._smtp.mail(sender, options))
            _expect({250, 251}, *self._smtp.rcpt(recipient))
            _expect({354}, *self._smtp.docmd("DATA"))
        except Failure as failure:
            self._reset(failure)
            raise
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Failure(Stage.BEFORE, kind=type(error).__name__) from None
        try:
            self._smtp.send(_DOTS.sub(b"..", body) + b".\r\n")
            reply = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Failure(Stage.HANDED, kind=type(error).__name__) from None
        self.sent += 1
        if not 200 <= reply[0] < 600:  # no reply at all: nobody knows what became of the message
            self.close()
            raise Failure(Stage.HANDED, kind="an answer that is none")
        _expect({250}, *reply)  # the server has spoken: what is no 250 was not taken

    def _reset(self, failure: Failure) -> None:
        if failure.code == 421:
            self.close()
            return
        try:
            self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self.close()

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used again."""
        return self._smtp.sock is not None

    def quit(self) -> None:
        """Say goodbye and close."""
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self.close()

    def close(self) -> None:
        """Close at once."""
        self._smtp.close()


def _expect(good: set[int], code: int, reply: bytes) -> None:
    if code not in good:
        found = _ENHANCED.match(reply.decode("ascii", "replace"))
        raise Failure(Stage.BEFORE, max(code, 0), found.group(1) if found else "")
