"""The kit of faults: the server down, gone, still, strange, full, refusing, or not the one meant."""

import socket
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.url import ServiceUrl
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.model import Rendered
from aegis_core.testing.kit import Subject, expect, pytest_cases
from aegis_core.testing.kits.faults import WRONG_SECRET, Faults, faults_kit
from aegis_smtp import from_url

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]
_NUMBERS = count()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Mailbox:
    """A real server (aiosmtpd) with one user, which can be full (RFC 5321 §4.2.2, code 452)."""

    is_full = False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.is_full:
            return "452 4.3.1 insufficient system storage"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        return "250 OK"


class Harness:
    capabilities = Faults(credentials=True, fills=True, tls=True)

    def __init__(self, mailbox, port):
        self._mailbox = mailbox
        self.upstream = port

    def make(self, port, *, secret="right", authority=None, environment="development"):
        scheme, ca = ("smtp", "") if authority is None else ("smtps", f"?ca={authority}")
        url = ServiceUrl.parse(f"{scheme}://nurse:{secret}@127.0.0.1:{port}{ca}")
        return from_url(url, AdapterDeps(environment=environment))

    async def call(self, channel):
        message = Rendered(Classified("a@patients.example", PHI.EMAIL), "News", "Your result is ready.\n")
        sent = await channel.send(message, key=f"k-{next(_NUMBERS)}")
        expect(sent.status == "accepted", "it is accepted")

    def mistaken(self, port):
        return self.make(port, secret=WRONG_SECRET)

    @asynccontextmanager
    async def filled(self):
        self._mailbox.is_full = True
        yield
        self._mailbox.is_full = False

    def greet(self, connection):
        return True


@asynccontextmanager
async def harness():
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right", handled=False)

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    mailbox = Mailbox()
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield Harness(mailbox, port)
    finally:
        controller.stop()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check", pytest_cases(faults_kit, {"aiosmtpd": harness}, {"aiosmtpd": Subject("smtp", "smtp")})
)
async def test_a_server_that_is_not_as_it_should_be_has_a_code_and_an_end(check):
    await check()
