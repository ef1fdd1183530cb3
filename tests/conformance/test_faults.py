"""The kit of faults over a model of a server's adapter, and over the mistakes that such adapters make."""

import socketserver
import ssl
import threading
from contextlib import asynccontextmanager

import anyio
import anyio.streams.tls
import pytest

from aegis_core.kernel.adapter import EVERY_BACKEND, Capabilities
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import remaining
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.tls import client_context, is_certificate_failure, plaintext_problem
from aegis_core.testing.kit import kill_rate, pytest_cases
from aegis_core.testing.kits.faults import WRONG_SECRET, Faults, faults_kit


class Server(socketserver.ThreadingTCPServer):
    """Answers each line: yes, denied or full."""

    daemon_threads = True
    is_full = False

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                self.wfile.write(b"denied\n" if line != b"right\n" else b"full\n" if self.server.is_full else b"yes\n")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)


class Line:
    """One connection, made anew when it broke."""

    name = "line"
    backends = EVERY_BACKEND
    capabilities = Capabilities()
    patience = 5.0

    def __init__(self, port, *, secret="right", authority=None, environment="development"):
        self.port, self.secret, self.stream = port, secret, None
        self.tls = None if authority is None else self.context(authority)
        if authority is None:
            self.in_the_open(environment)

    def context(self, authority):
        return client_context(authorities=authority)

    def in_the_open(self, environment):
        if problem := plaintext_problem("AEGIS_LINE", environment, hint="write lines://"):
            raise SettingsError([problem])

    async def open(self):
        await self.ask()

    async def aclose(self):
        if self.stream is not None:
            await anyio.aclose_forcefully(self.stream)
        self.stream = None

    async def health(self):
        try:
            await self.ask()
        except AegisError as error:
            return Health("down", error.message)
        return Health("up")

    def classify(self, exc, /):
        return None

    async def connect(self):
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        if self.tls is None:
            return stream
        try:
            return await anyio.streams.tls.TLSStream.wrap(stream, hostname="localhost", ssl_context=self.tls)
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise

    def error(self, code, said=b""):
        return AegisError(code, f"the server is not as it should be ({code})")

    async def ask(self):
        left = remaining(SYSTEM_CLOCK)
        if left is not None and left <= 0:
            raise self.error(ErrorCode.DEADLINE_EXCEEDED)
        try:
            with anyio.fail_after(self.patience if left is None else min(left, self.patience)):
                if self.stream is None:
                    self.stream = await self.connect()
                await self.stream.send(f"{self.secret}\n".encode())
                said = await self.stream.receive(100)
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError) as error:
            await self.broke()
            if isinstance(error, TimeoutError):
                raise self.error(ErrorCode.DEADLINE_EXCEEDED) from None
            raise self.error(ErrorCode.PERMISSION_DENIED if self.is_refused(error) else ErrorCode.UNAVAILABLE) from None
        code = self.code(said)
        if code is not None:
            await self.broke()
            raise self.error(code, said)

    def code(self, said):
        codes = {b"yes\n": None, b"denied\n": ErrorCode.PERMISSION_DENIED, b"full\n": ErrorCode.RESOURCE_EXHAUSTED}
        return codes.get(said, ErrorCode.UNAVAILABLE)

    def is_refused(self, error):
        return is_certificate_failure(error)

    async def broke(self):
        await self.aclose()


class Harness:
    capabilities = Faults(credentials=True, fills=True, tls=True)

    def __init__(self, server, kind):
        self.server, self.make = server, kind
        self.upstream = server.server_address[1]

    async def call(self, adapter):
        await adapter.ask()

    def mistaken(self, port):
        return self.make(port, secret=WRONG_SECRET)

    @asynccontextmanager
    async def filled(self):
        self.server.is_full = True
        try:
            yield
        finally:
            self.server.is_full = False

    def greet(self, connection):
        return True


def over(kind):
    @asynccontextmanager
    async def harness():
        with Server() as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield Harness(server, kind)
            finally:  # also where a planted bug is found: or its thread would turn for ever
                server.shutdown()
                thread.join(10)

    return harness


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(faults_kit, {"model": over(Line)}))
async def test_the_model_copes_with_every_fault(check):
    await check()


class KeepsTheBrokenConnection(Line):
    async def broke(self):
        pass


class IgnoresTheDeadline(Line):
    patience = 4.0

    async def ask(self):
        from aegis_core.kernel.context import Context, using

        with using(Context()):
            await super().ask()


class RepeatsWhatTheServerSaid(Line):
    def error(self, code, said=b""):
        return AegisError(code, f"the server said {said!r}")


class TellsTheSecret(Line):
    def __repr__(self):
        return f"Line({self.secret!r})"


class TakesAnyName(Line):
    def context(self, authority):
        context = super().context(authority)
        context.check_hostname = False
        return context


class TakesAnyAuthority(TakesAnyName):
    def context(self, authority):
        context = super().context(authority)
        context.verify_mode = ssl.CERT_NONE
        return context


class GoesOnInTheOpen(Line):
    async def connect(self):
        try:
            return await super().connect()
        except ssl.SSLError:
            self.tls = None
            return await super().connect()


class TakesAnEndForARefusal(Line):
    def is_refused(self, error):
        return isinstance(error.__cause__ or error, ssl.SSLError)


class OpenInProduction(Line):
    def in_the_open(self, environment):
        pass


class CallsEverythingUnavailable(Line):
    def code(self, said):
        return super().code(said) and ErrorCode.UNAVAILABLE


class CallsNonsenseAnAnswer(Line):
    def code(self, said):
        return None if b"garbage" in said else super().code(said)


class IsAlwaysUp(Line):
    async def health(self):
        return Health("up")


class GivesUpForGood(Line):
    gone = False

    async def broke(self):
        self.gone = True
        await super().broke()

    async def connect(self):
        if self.gone:
            raise OSError
        return await super().connect()


# What is wrong with them leaves connections behind.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_kit_rejects_every_planted_bug(capsys):
    bugs = {
        kind.__name__: over(kind)
        for kind in (
            KeepsTheBrokenConnection,
            IgnoresTheDeadline,
            RepeatsWhatTheServerSaid,
            TellsTheSecret,
            TakesAnyName,
            TakesAnyAuthority,
            GoesOnInTheOpen,
            TakesAnEndForARefusal,
            OpenInProduction,
            CallsEverythingUnavailable,
            CallsNonsenseAnAnswer,
            IsAlwaysUp,
            GivesUpForGood,
        )
    }
    report = kill_rate(faults_kit, bugs)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
