"""What every adapter of a server must do when the server is not as it should be: a code, an end in time, nothing told,
and recovery without a restart.

A harness says how to make an adapter that reaches the server at a port of this machine, where a relay of the kit stands
before the real one, and one call that needs it::

    class LabHarness:
        capabilities = Faults(tls=True)

        def __init__(self, running): self.upstream = running.endpoint.port
        def make(self, port, /, *, authority=None, environment="development"): return Lab(f"http://127.0.0.1:{port}")
        async def call(self, adapter, /): await adapter.ask("are you there?")
        greet = staticmethod(lambda connection: True)
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities, Environment
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import as_error
from aegis_core.kernel.problems import SettingsError
from aegis_core.testing.kit import Kit, expect
from aegis_core.testing.servers.certificates import certificate
from aegis_core.testing.servers.relay import Relay

#: Seconds that a call may take where an answer comes and where none does, and by how much its end may be late on a busy
#: machine.
_AMPLE: Final = 10.0
_SCANT: Final = 0.5
_LATE: Final = 3.0

#: What a harness takes for the password, token or secret that the server does not take.
WRONG_SECRET: Final = "hunter2-hunter2"  # noqa: S105 - it opens nothing


@attrs.frozen
class Faults(Capabilities):
    """What a harness can do besides: `credentials`: make an adapter with wrong ones; `fills`: fill the server; `tls`:
    make an adapter that speaks TLS.
    """

    credentials: bool = False
    fills: bool = False
    tls: bool = False


class FaultsHarness(Protocol):
    """A server, and adapters that reach it at any port of this machine."""

    @property
    def capabilities(self) -> Faults: ...

    @property
    def upstream(self) -> int:
        """The server's own port."""
        ...

    def make(self, port: int, /, *, authority: Path | None = None, environment: Environment = "development") -> Any:
        """An adapter, not open, that reaches ``127.0.0.1:port``: with an authority by TLS, without one in the open."""
        ...

    async def call(self, adapter: Any, /) -> None:
        """One call that needs the server, on an adapter that is open."""
        ...

    def mistaken(self, port: int, /) -> Any:
        """An adapter with `WRONG_SECRET` for its password, token or secret."""
        ...

    def filled(self) -> AbstractAsyncContextManager[object]:
        """The server is full for as long as this lasts."""
        ...

    def greet(self, connection: socket, /) -> bool:
        """The server's part of what is said in the open before TLS begins; False: the client does not want TLS."""
        ...


faults_kit: Kit[FaultsHarness] = Kit("faults/1")


@asynccontextmanager
async def _open(h: FaultsHarness, relay: Relay) -> AsyncGenerator[Adapter]:
    adapter: Adapter = h.make(relay.port)
    await adapter.open()
    try:
        await h.call(adapter)
        yield adapter
    finally:
        await adapter.aclose()


async def _error(
    adapter: Adapter, call: Callable[[], Awaitable[None]], *codes: ErrorCode, deadline: float = _AMPLE
) -> None:
    """The error of one call, as a service would see it; it ends in time and tells nothing."""
    began = SYSTEM_CLOCK.monotonic()
    error: AegisError | None = None
    with using(Context(expires_at=began + deadline)):
        try:
            await call()
        except Exception as raised:  # noqa: BLE001 - an adapter may let its driver's exceptions out
            error = as_error(raised, adapter, "kit.call")
    took = SYSTEM_CLOCK.monotonic() - began
    expect(error is not None, "a call that can't be done raises")
    assert error is not None
    wanted = " or ".join(codes)
    expect(error.code in codes, f"the code is {wanted}, not {error.code} ({error.message})")
    expect(error.retryable == (error.code is ErrorCode.UNAVAILABLE), "what is unavailable may be tried again, else not")
    expect(took < deadline + _LATE, f"it ends with the deadline, not after {took:.1f} s")
    told = f"{error} {error!r} {error.__cause__!r} {adapter!r}"
    expect("garbage" not in told and WRONG_SECRET not in told, "no error tells what the server said, or a secret")


async def _error_at_open(adapter: Adapter, *codes: ErrorCode) -> None:
    try:
        await _error(adapter, adapter.open, *codes)
    finally:
        await adapter.aclose()


@faults_kit.case
async def is_down_at_the_start(h: FaultsHarness) -> None:
    """A server that is down when the adapter is opened is `unavailable`; once it is up, the same adapter opens."""
    with Relay(h.upstream) as relay:
        relay.down()
        adapter = h.make(relay.port)
        await _error(adapter, adapter.open, ErrorCode.UNAVAILABLE)
        expect((await adapter.health()).state == "down", "it knows that it is down")
        relay.up()
        await adapter.open()
        await h.call(adapter)
        expect((await adapter.health()).state != "down", "it knows that it is up again")
        await adapter.aclose()


@faults_kit.case
async def goes_away_between_calls(h: FaultsHarness) -> None:
    """A server that goes away between two calls is `unavailable`, and used again when it is back, without a restart."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:
            relay.down()
            for _ in range(2):
                await _error(adapter, lambda: h.call(adapter), ErrorCode.UNAVAILABLE)
            relay.up()
            await h.call(adapter)


@faults_kit.case
async def goes_away_in_a_call(h: FaultsHarness) -> None:
    """A server that hangs up in the middle of a call is `unavailable`, and used again when it is back."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:
            relay.feel("cutting")
            for _ in range(2):
                await _error(adapter, lambda: h.call(adapter), ErrorCode.UNAVAILABLE)
            relay.feel("passing")
            await h.call(adapter)


@faults_kit.case
async def stands_still(h: FaultsHarness) -> None:
    """A server that takes everything and answers nothing is waited for no longer than the call may take."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:
            relay.feel("still")
            for _ in range(2):
                await _error(
                    adapter,
                    lambda: h.call(adapter),
                    ErrorCode.DEADLINE_EXCEEDED,
                    ErrorCode.UNAVAILABLE,
                    deadline=_SCANT,
                )
            relay.feel("passing")
            await h.call(adapter)


@faults_kit.case
async def talks_nonsense(h: FaultsHarness) -> None:
    """Nonsense is `unavailable`, in a connection that is open and in a new one; none of it is repeated."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:
            relay.feel("garbage")
            for _ in range(2):
                await _error(adapter, lambda: h.call(adapter), ErrorCode.UNAVAILABLE)
            await _error_at_open(h.make(relay.port), ErrorCode.UNAVAILABLE)
            relay.feel("passing")
            await h.call(adapter)


@faults_kit.case
async def answers_too_late(h: FaultsHarness) -> None:
    """Where no time is left the server is not asked, or not waited for."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:

            async def late() -> None:
                with using(Context(expires_at=SYSTEM_CLOCK.monotonic() - 1)):
                    await h.call(adapter)

            await _error(adapter, late, ErrorCode.DEADLINE_EXCEEDED)
            await h.call(adapter)


@faults_kit.case(needs="credentials")
async def refuses_the_credentials(h: FaultsHarness) -> None:
    """Refused credentials are `permission_denied`, and told nowhere."""
    with Relay(h.upstream) as relay:
        adapter = h.mistaken(relay.port)
        await _error(adapter, adapter.open, ErrorCode.PERMISSION_DENIED)
        health = await adapter.health()
        expect(health.state == "down", "it knows that it is down")
        expect(WRONG_SECRET not in repr(health), "no health tells a secret")
        await adapter.aclose()


@faults_kit.case(needs="fills")
async def is_full(h: FaultsHarness) -> None:
    """A server that is full is `resource_exhausted`; with room again the same call is done."""
    with Relay(h.upstream) as relay:
        async with _open(h, relay) as adapter:
            async with h.filled():
                await _error(adapter, lambda: h.call(adapter), ErrorCode.RESOURCE_EXHAUSTED)
            await h.call(adapter)


@contextmanager
def _secure(h: FaultsHarness, *names: str) -> Generator[tuple[Relay, Path, Path]]:
    """A relay with a certificate of these names, the authority of it, and another one."""
    with TemporaryDirectory() as folder:
        made = certificate(Path(folder), *names)
        other = certificate(Path(folder), "another.example", "localhost", "127.0.0.1")
        with Relay(h.upstream, tls=made.context, greet=h.greet) as relay:
            yield relay, made.authority, other.authority


@faults_kit.case(needs="tls")
async def speaks_tls(h: FaultsHarness) -> None:
    """Certificate and name are verified, in production too, and then it works."""
    with _secure(h, "localhost", "127.0.0.1") as (relay, authority, _):
        adapter = h.make(relay.port, authority=authority, environment="production")
        await adapter.open()
        await h.call(adapter)
        await adapter.aclose()


@faults_kit.case(needs="tls")
async def goes_away_behind_tls(h: FaultsHarness) -> None:
    """A server that hangs up behind TLS, or in the handshake, is `unavailable`: that is no refused certificate."""
    with _secure(h, "localhost", "127.0.0.1") as (relay, authority, _):
        adapter = h.make(relay.port, authority=authority)
        await adapter.open()
        await h.call(adapter)
        relay.feel("cutting")
        for _ in range(3):
            await _error(adapter, lambda: h.call(adapter), ErrorCode.UNAVAILABLE)
        expect((await adapter.health()).state == "down", "it knows that it is down")
        relay.feel("passing")
        await h.call(adapter)
        await adapter.aclose()
        relay.feel("cutting")
        adapter = h.make(relay.port, authority=authority)
        await _error(adapter, adapter.open, ErrorCode.UNAVAILABLE)
        relay.feel("passing")
        await adapter.open()
        await h.call(adapter)
        await adapter.aclose()


@faults_kit.case(needs="tls")
async def shows_another_name(h: FaultsHarness) -> None:
    """A certificate of another name is `permission_denied`, and nothing reaches the server."""
    with _secure(h, "elsewhere.example") as (relay, authority, _):
        await _error_at_open(h.make(relay.port, authority=authority), ErrorCode.PERMISSION_DENIED)
        expect(relay.heard == 0, "nothing reaches the server")


@faults_kit.case(needs="tls")
async def is_signed_by_nobody_known(h: FaultsHarness) -> None:
    """A certificate of an unknown authority is `permission_denied`, and nothing reaches the server."""
    with _secure(h, "localhost", "127.0.0.1") as (relay, _, other):
        await _error_at_open(h.make(relay.port, authority=other), ErrorCode.PERMISSION_DENIED)
        expect(relay.heard == 0, "nothing reaches the server")


@faults_kit.case(needs="tls")
async def speaks_no_tls(h: FaultsHarness) -> None:
    """A server without TLS is refused where TLS was asked for; it is not spoken to in the open instead."""
    with _secure(h, "localhost", "127.0.0.1") as (_, authority, _unknown), Relay(h.upstream) as relay:
        await _error_at_open(
            h.make(relay.port, authority=authority),
            ErrorCode.PERMISSION_DENIED,
            ErrorCode.UNSUPPORTED,
            ErrorCode.UNAVAILABLE,
            ErrorCode.DEADLINE_EXCEEDED,  # it may wait for the end of what the beginning of TLS looks like to it
        )


@faults_kit.case(needs="tls")
async def is_asked_in_the_open_in_production(h: FaultsHarness) -> None:
    """In production a URL without TLS is a problem of the settings, before anything is sent."""
    with Relay(h.upstream) as relay:
        refused = False
        try:
            adapter = h.make(relay.port, environment="production")
            await adapter.open()
        except SettingsError as error:
            refused = True
            expect(any("TLS" in problem.expected for problem in error.problems), "the problem names TLS")
        expect(refused, "it is refused")
        expect(relay.heard == 0, "nothing reaches the server")
