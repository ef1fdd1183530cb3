"""E-mail over SMTP: the port's kit on a real server, its stages, its TLS, its pool and its settings."""

import email
import email.policy
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.model import Rendered, Sent
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.notification import ADDRESS, ChannelHarness, notification_kit
from aegis_core.testing.outbox import Arrived
from aegis_core.testing.servers.certificates import certificate
from aegis_smtp import SmtpChannel, from_url

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Server:
    """A real mail server (aiosmtpd) that does as it is told."""

    def __init__(self, *, tls=None, implicit=False, auth=False):
        self.mails = []
        self.options = []
        self.connections = 0
        self.answers = {}
        self.lose = False
        options = {"tls_context": tls, "require_starttls": True} if tls and not implicit else {}
        if auth:
            options |= {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=tls if implicit else None,
            enable_SMTPUTF8=True,
            **options,
        )

    def _authenticate(self, server, session, envelope, mechanism, auth_data):
        return AuthResult(success=auth_data.password == b"right", handled=False)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if answer := self.answers.get("RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if answer := self.answers.get("DATA"):
            return answer
        self.mails.append(envelope.content)
        self.options.append(envelope.mail_options)
        if self.lose:
            server.transport.abort()
        return "250 2.0.0 OK"

    def __enter__(self):
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()

    @property
    def port(self):
        return self._controller.port

    def arrived(self):
        return [read(mail) for mail in self.mails]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def read(octets):
    mail = email.message_from_bytes(octets, policy=email.policy.SMTP)
    html = mail.get_body(("html",))
    return Arrived(
        Classified(str(mail["To"]), PHI.EMAIL),
        str(mail["Subject"]),
        mail.get_body(("plain",)).get_content(),
        None if html is None else html.get_content(),
    )


def channel(text, **deps):
    return from_url(ServiceUrl.parse(text), AdapterDeps(**deps))


def rendered(to=ADDRESS, text="Your result is ready.\n"):
    return Rendered(Classified(to, PHI.EMAIL), "News", text)


@asynccontextmanager
async def on_a_real_server():
    with Server() as server:
        port = [server.port]

        async def received():
            return server.arrived()

        @asynccontextmanager
        async def refuse():
            server.answers["RCPT"] = "550 5.1.1 <somchai.jaidee@patients.example> unknown"
            yield
            server.answers.clear()

        @asynccontextmanager
        async def lose():
            server.lose = True
            yield
            server.lose = False

        @asynccontextmanager
        async def unavailable():
            server.answers["RCPT"] = "451 4.3.0 try again later"
            yield
            server.answers.clear()

        yield ChannelHarness(
            lambda: channel(f"smtp://127.0.0.1:{port[0]}?from=clinic@mail.example"),
            received,
            faults={"refuse": refuse, "lose": lose, "unavailable": unavailable},
        )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check", pytest_cases(notification_kit, {"aiosmtpd": on_a_real_server}, {"aiosmtpd": Subject("smtp", "smtp")})
)
async def test_it_keeps_the_promises_of_its_port(check):
    await check()


@pytest.mark.anyio
@pytest.mark.instead_of("smtp", "form", "eight-bit")
@pytest.mark.parametrize("to", [ADDRESS, "ผู้ป่วย@patients.example"])
async def test_what_is_sent_has_the_form_that_servers_elsewhere_insist_on(to):
    """RFC 5321 §2.3.8 and §4.5.3.1.6, RFC 5322 §3.6, RFC 6152: the test server takes anything."""
    texts = ("plain\n", "สวัสดี\n" * 200, "x" * 3000 + "\n", ".\n..\n.dot\n", "\r\nonly\rone\n")
    with Server() as server:
        async with opened(f"smtp://127.0.0.1:{server.port}?from=clinic@mail.example") as sender:
            for number, text in enumerate(texts):
                assert (await sender.send(rendered(to, text), key=f"k-{number}")).status == "accepted"
    assert len(server.mails) == len(texts)
    for octets, options in zip(server.mails, server.options, strict=True):
        assert b"\r" not in octets.replace(b"\r\n", b"")
        assert b"\n" not in octets.replace(b"\r\n", b"")
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        said = {option.upper().partition("=")[0]: option.upper().partition("=")[2] for option in options}
        assert int(said["SIZE"]) == len(octets)
        assert max(octets) < 128 or said["BODY"] == "8BITMIME"
        assert to.isascii() or "SMTPUTF8" in said
        mail = email.message_from_bytes(octets, policy=email.policy.SMTP)
        for header in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            assert len(mail.get_all(header)) == 1
        assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=5)
        assert str(mail["Message-ID"]).endswith("@mail.example>")


@asynccontextmanager
async def opened(text, **deps):
    made = channel(text, **deps)
    await made.open()
    try:
        yield made
    finally:
        await made.aclose()


@pytest.mark.anyio
async def test_a_hundred_messages_share_few_connections():
    with Server() as server:
        async with opened(f"smtp://127.0.0.1:{server.port}") as sender:
            for number in range(100):
                sent = await sender.send(rendered(), key=f"k-{number}")
                assert sent.status == "accepted"
        assert len(server.mails) == 100
        assert server.connections <= 3


@pytest.mark.anyio
async def test_a_connection_that_the_server_ended_between_messages_is_replaced():
    with Server() as server:
        async with opened(f"smtp://127.0.0.1:{server.port}") as sender:
            await sender.send(rendered(), key="one")
            (_, idle), *_ = sender._pool._idle
            idle._smtp.sock.shutdown(socket.SHUT_RDWR)
            assert (await sender.send(rendered(), key="two")).status == "accepted"
        assert len(server.mails) == 2


@pytest.mark.anyio
async def test_a_final_refusal_of_the_message_tells_the_code_and_nothing_else():
    with Server() as server:
        server.answers["DATA"] = f"554 5.7.1 spam for {ADDRESS}"
        async with opened(f"smtp://127.0.0.1:{server.port}") as sender:
            sent = await sender.send(rendered(), key="k")
        assert sent == Sent("refused", reason="the server answered 554 5.7.1")


@pytest.mark.anyio
async def test_a_lost_reply_is_uncertain_and_the_message_is_not_sent_again():
    with Server() as server:
        server.lose = True
        async with opened(f"smtp://127.0.0.1:{server.port}") as sender:
            sent = await sender.send(rendered(), key="k")
        assert sent.status == "uncertain"
        assert len(server.mails) == 1


@pytest.mark.anyio
async def test_an_answer_to_the_message_that_is_none_is_uncertain():
    said = (b"220 hello", b"250 hello", b"250 ok", b"250 ok", b"250 ok", b"354 go on", b"what?")
    with scripted(*said, until_dot=True) as port:
        sender = channel(f"smtp://127.0.0.1:{port}")
        await sender.open()
        assert (await sender.send(rendered(), key="k")).status == "uncertain"
        await sender.aclose()


@contextmanager
def scripted(*lines, until_dot=False):
    """A server that says these lines, one a line (or message) that it hears, and then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                try:
                    for line in lines:
                        stream.write(line + b"\r\n")
                        stream.flush()
                        heard = stream.readline()
                        while until_dot and line.startswith(b"354") and heard not in {b".\r\n", b""}:
                            heard = stream.readline()
                except OSError:
                    pass

    threading.Thread(target=talk, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((b"\x00\xffgarbage",), ErrorCode.UNAVAILABLE),
        ((b"554 no service",), ErrorCode.UNAVAILABLE),
        ((b"220 hello",), ErrorCode.UNAVAILABLE),
    ],
)
async def test_garbage_and_silence_are_unavailable(lines, code):
    with scripted(*lines) as port:
        with using(Context(expires_at=SYSTEM_CLOCK.monotonic() + 1.0)), pytest.raises(AegisError) as caught:
            await channel(f"smtp://127.0.0.1:{port}").open()
        assert caught.value.code is code


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(AegisError) as caught:
        await channel(f"smtp://127.0.0.1:{port}").open()
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable


@pytest.mark.anyio
async def test_it_recovers_without_being_opened_again():
    first = Server()
    with first:
        port = first.port
        sender = channel(f"smtp://127.0.0.1:{port}")
        await sender.open()
        await sender.send(rendered(), key="one")
    with pytest.raises(AegisError) as caught:
        await sender.send(rendered(), key="two")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    again = Server()
    again._controller.port = port
    with again:
        assert (await sender.send(rendered(), key="two")).status == "accepted"
        await sender.aclose()


# ------------------------------------------------------------------------------------------------------------- TLS


@pytest.mark.anyio
async def test_starttls_verifies_the_name_and_then_sends(tmp_path):
    made = certificate(tmp_path, "127.0.0.1")
    with Server(tls=made.context) as server:
        async with opened(f"smtp+starttls://127.0.0.1:{server.port}?ca={made.authority}") as sender:
            assert (await sender.send(rendered(), key="k")).status == "accepted"
            assert (await sender.health()).state == "up"


@pytest.mark.anyio
async def test_a_certificate_with_a_wrong_name_or_an_unknown_authority_is_refused(tmp_path):
    made = certificate(tmp_path, "elsewhere.example")
    with Server(tls=made.context) as server:
        for url in (
            f"smtp+starttls://127.0.0.1:{server.port}?ca={made.authority}",
            f"smtp+starttls://127.0.0.1:{server.port}",
        ):
            with pytest.raises(AegisError) as caught:
                await channel(url).open()
            assert caught.value.code is ErrorCode.PERMISSION_DENIED
        assert server.mails == []


@pytest.mark.anyio
async def test_a_server_without_starttls_is_refused_not_trusted():
    with Server() as server:
        with pytest.raises(AegisError) as caught:
            await channel(f"smtp+starttls://127.0.0.1:{server.port}").open()
        assert caught.value.code is ErrorCode.UNSUPPORTED


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.anyio
@pytest.mark.parametrize(("password", "works"), [("right", True), ("wrong", False)])
async def test_a_wrong_password_is_refused_and_told_nowhere(password, works):
    with Server(auth=True) as server:
        url = f"smtp://nurse:{password}@127.0.0.1:{server.port}"
        if works:
            async with opened(url) as sender:
                assert (await sender.send(rendered(), key="k")).status == "accepted"
            return
        with pytest.raises(AegisError) as caught:
            await channel(url).open()
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
        assert "wrong" not in f"{caught.value!r}{channel(url)!r}{channel(url)._pool.server!r}"


# -------------------------------------------------------------------------------------------------------- settings


def test_every_problem_comes_at_once_and_without_a_value():
    with pytest.raises(SettingsError) as caught:
        channel("smtp://u:hunter2@?form=x&connections=0&from=nobody&password=none", environment="production")
    assert len(caught.value.problems) == 6
    assert "hunter2" not in str(caught.value)


def test_a_password_may_be_the_name_of_a_secret():
    made = channel("smtps://u@mail.example?password=mail", secrets={"mail": "s3cret"}.get)
    assert made._pool.server.password == "s3cret"
    assert "s3cret" not in repr(made._pool.server)


def test_plain_smtp_is_refused_in_production_and_the_others_are_not():
    with pytest.raises(SettingsError, match="TLS"):
        channel("smtp://mail.example", environment="production")
    assert isinstance(channel("smtp+starttls://mail.example", environment="production"), SmtpChannel)
