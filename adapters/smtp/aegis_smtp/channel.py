"""`NotificationChannel` over SMTP (RFC 5321): one message, one recipient, one outcome."""

import os
import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import anyio.to_thread

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import remaining
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import Problem, SettingsError, did_you_mean
from aegis_core.kernel.tls import agreed_version, client_context, is_certificate_failure, plaintext_problem
from aegis_core.kernel.url import ServiceUrl
from aegis_core.marks.purpose import Purpose
from aegis_core.notifications.mime import digest_of, octets_of, plain_address
from aegis_core.notifications.model import ChannelKind, Rendered, Sent
from aegis_core.notifications.port import ChannelCapabilities
from aegis_smtp.pool import Pool
from aegis_smtp.session import Failure, NoStartTls, Security, Server, Session, Stage

T = TypeVar("T")

_SETTING: Final = "AEGIS_EMAIL"
_OPTIONS: Final = ("from", "ca", "password", "connections")
_SECURITY: Final[dict[str, tuple[Security, int]]] = {
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp": ("none", 25),
}
#: Seconds for each reply where the caller has no deadline; RFC 5321 §4.5.3.2 allows servers minutes, a caller does not.
_LIMIT: Final = 20.0


class SmtpChannel:
    """Sends e-mail to one mail server over a pool of connections.

    A reply that is lost after the message was handed over is ``uncertain``: this channel never sends a message again by
    itself, so it does not declare ``idempotent``. The ``Message-ID`` follows from the idempotency key, so a server that
    drops repeated ids does so.

    Arguments:
        server: where the server is.
        sender: the address in ``From:`` and of the envelope.
        connections: idle connections that are kept.
    """

    name = "smtp"
    kind: ChannelKind = "email"
    capabilities = ChannelCapabilities(html=True)
    backends = EVERY_BACKEND

    def __init__(self, server: Server, /, *, sender: str, connections: int = 4, clock: Clock = SYSTEM_CLOCK) -> None:
        self._sender = plain_address(sender, adapter=self.name)
        self._pool = Pool(server, largest=connections, monotonic=clock.monotonic)
        self._clock = clock
        self._process = -1

    async def open(self) -> None:
        """Make a first connection, so that a wrong host, certificate or password shows now.

        Raises:
            AegisError: ``unavailable``, ``permission_denied``, or ``unsupported`` where STARTTLS is not offered.
        """
        if self._process == os.getpid():
            return
        self._pool.open()
        await self._hop("notification.open", self._greet)
        self._process = os.getpid()

    async def aclose(self) -> None:
        if self._process == os.getpid():
            await anyio.to_thread.run_sync(self._pool.close)
        self._process = -1

    async def health(self) -> Health:
        if self._process != os.getpid():
            return Health("down", "not open")
        try:
            await self._hop("notification.health", self._greet)
        except AegisError as error:
            return Health("down", error.message)
        server = self._pool.server
        tls = {} if server.context is None else {"tls": agreed_version(server.context)}
        return Health("up", facts={"security": server.security, **tls})

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        match exc:
            case Failure(code=code):
                return ErrorCode.RESOURCE_EXHAUSTED if code == 452 else ErrorCode.UNAVAILABLE
            case NoStartTls() | smtplib.SMTPNotSupportedError():
                return ErrorCode.UNSUPPORTED
            case smtplib.SMTPAuthenticationError():
                return ErrorCode.PERMISSION_DENIED
            case ssl.SSLError() if is_certificate_failure(exc):
                return ErrorCode.PERMISSION_DENIED
            case TimeoutError() | OSError() | smtplib.SMTPException():
                return ErrorCode.UNAVAILABLE
            case _:
                return None

    def native(self, type_: type[T], /) -> T | None:
        return self._pool if isinstance(self._pool, type_) else None

    async def send(self, message: Rendered, /, *, key: str) -> Sent:
        if self._process != os.getpid():
            if self._process != -1:
                raise ForkedError("the mail channel")
            raise AegisError(ErrorCode.UNAVAILABLE, "the mail channel is not open", adapter=self.name, retryable=False)
        digest = digest_of(key)
        body = octets_of(message, digest=digest, sender=self._sender, wall_ns=self._clock.wall_ns(), adapter=self.name)
        recipient = message.to.reveal(Purpose.OPERATIONS)

        def hop(limit: float) -> Sent:
            return self._send(recipient, body, f"<{digest}@{self._sender.domain}>", limit)

        # Not abandoned when the caller is cancelled: what was handed over is then known, at least to this thread.
        return await self._hop("notification.send", hop)

    def __repr__(self) -> str:
        return f"SmtpChannel({self._pool.server.host!r})"

    # ------------------------------------------------------------------------------------------- on a worker thread

    def _greet(self, limit: float) -> None:
        session = self._pool.take(limit=limit)
        if not session.is_alive():
            session.close()
            session = Session(self._pool.server, limit=limit)
        self._pool.give_back(session)

    def _send(self, recipient: str, body: bytes, reference: str, limit: float) -> Sent:
        session = self._pool.take(limit=limit)
        needs_utf8 = not recipient.isascii()
        was_used = session.sent > 0
        try:
            if needs_utf8 and not session.takes_utf8:
                return Sent("refused", reason="the server takes no address outside ASCII (SMTPUTF8)")
            try:
                session.send(str(self._sender), recipient, body, utf8=needs_utf8)
            except Failure as failure:
                # A connection that the server ended between two messages: nothing of this one was said on it yet.
                if not (was_used and failure.stage is Stage.BEFORE and failure.code in {0, 421}):
                    raise
                session = Session(self._pool.server, limit=limit)
                session.send(str(self._sender), recipient, body, utf8=needs_utf8)
        except Failure as failure:
            said = f"{failure.code} {failure.enhanced}".strip()
            if failure.stage is Stage.HANDED:
                return Sent("uncertain", reference=reference, reason="the reply was lost after the message was sent")
            if failure.is_final:
                return Sent("refused", reason=f"the server answered {said}")
            raise
        finally:
            self._pool.give_back(session)
        return Sent("accepted", reference=reference)

    async def _hop(self, operation: str, call: Callable[[float], T]) -> T:
        left = remaining(self._clock)
        if left is not None and left <= 0:
            raise AegisError(ErrorCode.DEADLINE_EXCEEDED, "no time is left", operation=operation, adapter=self.name)
        limit = _LIMIT if left is None else max(min(left, _LIMIT), 0.05)
        try:
            return await anyio.to_thread.run_sync(call, limit)
        except AegisError:
            raise
        except Exception as error:
            code = self.classify(error)
            if code is None:
                raise
            # Without the cause: the library's exceptions repeat what the server said, and it may quote an address.
            raise AegisError(code, _advice(error, code), operation=operation, adapter=self.name) from None


def _advice(error: Exception, code: ErrorCode) -> str:
    match error:
        case NoStartTls():
            return "the server offers no STARTTLS: use smtps://, or smtp:// where the network is trusted"
        case smtplib.SMTPAuthenticationError():
            return "the server refused the user or the password"
        case ssl.SSLError() if is_certificate_failure(error):
            return "the server's certificate was refused: look at its name and at ca="
        case Failure(code=reply) if reply:
            return f"the server can't take it now (it answered {reply} {error.enhanced})".replace(" )", ")")
        case _:
            return f"the mail server did not answer as it should ({type(error).__name__})" if code else ""


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> SmtpChannel:
    """Make one for ``smtp+starttls://host:587``, ``smtps://host:465`` or, in the open, ``smtp://host:25``.

    A user and password stand in the URL, or ``password=NAME`` names a secret. ``from`` is the sender's address, ``ca``
    a PEM file of authorities, ``connections`` how many idle ones are kept.

    Raises:
        SettingsError: with every problem at once.
    """
    problems = [
        Problem(_SETTING, "has an option that the adapter does not know", hint=did_you_mean(option, _OPTIONS))
        for option in url.options
        if option not in _OPTIONS
    ]
    security, default_port = _SECURITY[url.scheme]
    if not url.host:
        problems.append(Problem(_SETTING, "must name a host", hint=f"write {url.scheme}://mail.example:{default_port}"))
    if security == "none":
        problem = plaintext_problem(_SETTING, deps.environment, hint="write smtp+starttls:// or smtps://")
        problems.extend([] if problem is None else [problem])
    context = None
    if security != "none":
        ca = url.options.get("ca")
        try:
            context = client_context(authorities=Path(ca) if ca else None)
        except OSError:
            problems.append(Problem(_SETTING, "names a file of authorities that can't be read", hint="look at ca="))
    password = url.password
    if "password" in url.options:
        password = deps.secrets(url.options["password"])
        if password is None:
            problems.append(Problem(_SETTING, "names a secret that is not there", hint="look at password="))
    connections = url.options.get("connections", "4")
    if not (connections.isascii() and connections.isdecimal() and 1 <= int(connections) <= 64):
        problems.append(Problem(_SETTING, "must have connections= from 1 to 64"))
    try:
        plain_address(url.options.get("from", "no-reply@localhost"), adapter="smtp")
    except AegisError:
        problems.append(Problem(_SETTING, "needs an e-mail address for from="))
    if problems:
        raise SettingsError(problems)
    server = Server(
        host=url.host,
        port=url.port or default_port,
        security=security,
        context=context,
        user=url.user,
        password=password,
    )
    sender = url.options.get("from", "no-reply@localhost")
    return SmtpChannel(server, sender=sender, connections=int(connections), clock=deps.clock)
