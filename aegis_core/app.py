"""`Aegis`: wires the services from settings and instances. It adds nothing that a service can't do alone."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import anyio
import anyio.to_thread
import attrs

from aegis_core.audit.copies import NO_COPIES
from aegis_core.audit.port import AuditSink
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.crypto.port import KeyVault
from aegis_core.kernel.asgi import ASGIApp, Middleware, request_context
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.health import Health, Reports, health_of
from aegis_core.kernel.lifetimes import Lifetimes
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.recorder import Recorder, Unrecorded
from aegis_core.kernel.settings import PARTS, Part, Settings
from aegis_core.kernel.state import StateStore
from aegis_core.marks.redaction import Redaction
from aegis_core.marks.redactors import Pseudonym
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.port import NotificationChannel
from aegis_core.notifications.service import NotificationHub
from aegis_core.notifications.template import Template
from aegis_core.observability.canary import refuse_leaks
from aegis_core.observability.logger import Logger
from aegis_core.observability.port import LogSink
from aegis_core.storage.port import StorageAdapter
from aegis_core.storage.service import Storage
from aegis_core.wiring import DEFAULT, Adapters, Given, store_place, wire

if TYPE_CHECKING:
    from aegis_core import blocking
    from aegis_core.kernel.wsgi import WSGIApp

T = TypeVar("T")

_NOT_OPEN: Final = (
    "Aegis is not open: enter `async with aegis.open():`, give `aegis.lifespan` to your framework, "
    "or enter `with aegis.blocking() as aegis:`"
)
_NEEDS_KEYS: Final[frozenset[Part]] = frozenset({"keys", "audit", "storage", "notify"})


@attrs.frozen
class CloseReport:
    """How closing went.

    Arguments:
        lost_lines: log lines that the medium did not take.
        late: parts that were not closed within the deadline; they were cancelled.
        failed: parts that could not be closed cleanly, with the error's code.
        behind: copies of the trail that did not catch up in time, with the entries they lack; -1: they were never
            reached. Nothing is lost: they are brought up when the trail is open again.
    """

    lost_lines: int = 0
    late: tuple[str, ...] = ()
    failed: Mapping[str, str] = attrs.field(factory=dict[str, str])
    behind: Mapping[str, int] = attrs.field(factory=dict[str, int])

    @property
    def is_clean(self) -> bool:
        """Whether everything was closed in time and nothing was lost."""
        return not (self.lost_lines or self.late or self.failed)


class Aegis:
    """All services of an application, or the parts in ``only``, wired and opened together.

    Making one reads nothing and does no I/O; `open`, `lifespan` and `blocking` do. An instance that is handed over
    wins over the URL of its port. A service behaves alike alone and wired.

    Arguments:
        settings: by default `AEGIS_*` of the environment, read at `open`.
        storage: one adapter, or several by name; ``"default"`` is the one of all.
        audit: the trail's primary.
        audit_copies: copies of the trail by name, which follow the primary and are never waited for.
        keys: the vault.
        state: keyring, published log and deliveries.
        subject_keys: must declare ``erases``.
        email: the channel for e-mail.
        log: where lines go.
        templates: of the messages that the hub sends.
        redaction: how the log shows classes; by default everything is erased, and record numbers are pseudonyms once
            the keyring is open.
        only: the parts that are used; None: all five.
        require: capabilities that must be there, as ``"storage.match"``.
        create: whether what is not there yet is made. False, for tools: an adapter made from a URL then raises
            ``not_found`` where nothing lies, so that a mistyped path does not become a new trail.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        /,
        *,
        storage: StorageAdapter | Mapping[str, StorageAdapter] | None = None,
        audit: AuditSink | None = None,
        audit_copies: Mapping[str, AuditSink] = NO_COPIES,
        keys: KeyVault | None = None,
        state: StateStore | None = None,
        subject_keys: StateStore | None = None,
        email: NotificationChannel | None = None,
        log: LogSink | None = None,
        templates: Sequence[Template] = (),
        redaction: Redaction | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
        metrics: Metrics = NO_METRICS,
        only: Collection[Part] | None = None,
        require: Collection[str] = (),
        create: bool = True,
    ) -> None:
        self._given = Given(
            settings=settings,
            storage=storage,
            audit=audit,
            audit_copies=audit_copies,
            keys=keys,
            state=state,
            subject_keys=subject_keys,
            email=email,
            log=log,
        )
        self._templates = tuple(templates)
        self._redaction = redaction
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._only: frozenset[Part] = frozenset(PARTS if only is None else only)
        self._require = tuple(require)
        self._create = create
        self._services: dict[str, Any] = {}
        self._places: dict[str, Reports] | None = None
        self._sink: LogSink | None = None
        self._closed_sink = False
        self._opened_in = 0
        #: How the last closing went; None while open, and before.
        self.closed: CloseReport | None = None

    # Lifetime

    def open(self, *, close_deadline: float = 10.0) -> AbstractAsyncContextManager[Self]:
        """Open everything for a block: log, keys, audit, storage, notify; it is closed in reverse.

        What had opened is closed when a later one fails.

        Arguments:
            close_deadline: seconds that closing may take in all; `closed` says how it went.

        Raises:
            SettingsError: with every problem of settings, adapters and requirements at once.
        """
        return _Opened(self, close_deadline)

    @asynccontextmanager
    async def lifespan(self, app: object, /) -> AsyncGenerator[None]:
        """For ``FastAPI(lifespan=aegis.lifespan)`` and its like."""
        async with self.open():
            yield

    def blocking(self, *, close_deadline: float = 10.0) -> "AbstractContextManager[blocking.Aegis]":
        """The same for code without an event loop: ``with Aegis().blocking() as aegis:``."""
        from aegis_core.blocking.app import opened

        return opened(self, close_deadline=close_deadline)

    def _begin(self) -> None:
        if self._opened_in == os.getpid():
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                "this Aegis is open already: enter it once, and share it",
                operation="aegis.open",
            )
        if self._closed_sink:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                "the log sink that this Aegis was handed is closed: make a new one, or name it in AEGIS_LOG",
                operation="aegis.open",
            )
        # In a forked child whatever the parent opened is left alone, and everything is opened anew.
        self._opened_in = os.getpid()
        self._services = {}
        self._places = None
        self._sink = None
        self.closed = None

    async def _start(self, lifetimes: Lifetimes) -> None:
        adapters = wire(
            self._given,
            self._only,
            self._require,
            clock=self._clock,
            entropy=self._entropy,
            metrics=self._metrics,
            create=self._create,
        )
        self._sink = adapters.log
        redaction = self._checked(self._redaction or Redaction(), adapters)
        if adapters.log is not None:
            self._services["log"] = self._logger(adapters, adapters.log, redaction)
        places: dict[str, Reports] = {}
        if self._only & _NEEDS_KEYS:
            await self._start_keys(adapters, lifetimes)
            places.update(adapters.by_place())
        if "audit" in self._services:
            places["audit"] = self._services["audit"]  # it asks its primary, and knows of checkpoints, too
        self._places = places

    def _checked(self, redaction: Redaction, adapters: Adapters) -> Redaction:
        return refuse_leaks(redaction, on_leak=adapters.settings.on_leak, entropy=self._entropy)

    def _logger(self, adapters: Adapters, sink: LogSink, redaction: Redaction) -> Logger:
        return Logger(
            sink,
            level=adapters.settings.log_level,
            redaction=redaction,
            clock=self._clock,
            metrics=self._metrics,
        )

    async def _start_keys(self, adapters: Adapters, lifetimes: Lifetimes) -> None:
        vault, state = adapters.need_keys()
        keyring = Keyring(vault, state, subjects=adapters.subject_keys, clock=self._clock, entropy=self._entropy)
        await lifetimes.hold("keys", keyring)
        self._services["keys"] = keyring
        if adapters.log is not None and self._redaction is None:
            key = await keyring.active(KeyPurpose.PSEUDONYM)
            shown = self._checked(Redaction({PHI.MRN: Pseudonym(key.id, key.secret)}), adapters)
            self._services["log"] = self._logger(adapters, adapters.log, shown)
        recorder: Recorder = Unrecorded()
        if adapters.audit is not None:
            trail = AuditTrail(
                adapters.audit,
                keyring,
                origin=adapters.settings.origin,
                copies=adapters.audit_copies,
                clock=self._clock,
                entropy=self._entropy,
                metrics=self._metrics,
            )
            await lifetimes.hold("audit", trail)
            self._services["audit"] = recorder = trail
            keyring.report_to(trail)
        if "log" in self._services:
            self._services["log"] = self._services["log"].with_recorder(recorder)
        for name, adapter in adapters.storage.items():
            storage = Storage(
                adapter,
                keyring,
                tenants=adapters.tenants if name == DEFAULT else None,
                recorder=recorder,
                metrics=self._metrics,
                clock=self._clock,
                entropy=self._entropy,
            )
            place = store_place(name)
            await lifetimes.hold(place, storage)
            self._services[place] = storage
        if adapters.email is not None:
            hub = NotificationHub(
                (adapters.email,),
                keyring,
                templates=self._templates,
                recorder=recorder,
                clock=self._clock,
                entropy=self._entropy,
            )
            await lifetimes.hold("notify", hub)
            self._services["notify"] = hub

    async def _close(self, lifetimes: Lifetimes, deadline: float) -> None:
        try:
            left = await lifetimes.close(deadline)
            late = list(lifetimes.late)
            failed = {
                name: error.code.value if isinstance(error, AegisError) else ErrorCode.INTERNAL.value
                for name, error in lifetimes.failed.items()
            }
            behind: dict[str, int] = {}
            for copy in self._services["audit"].copies().values() if "audit" in self._services else ():
                if copy.finding is not None:
                    failed[f"audit copy {copy.name}"] = ErrorCode.INTEGRITY.value
                elif copy.behind != 0:
                    behind[copy.name] = -1 if copy.behind is None else copy.behind
            if "log" in self._services and (late or failed or behind):
                self._services["log"].error("aegis.closed", late=late, failed=failed, behind=behind)
            lost = 0
            if self._sink is not None:
                try:
                    # In a thread, because it may wait for its medium; one that waits for longer is left behind.
                    with anyio.CancelScope(shield=True), anyio.move_on_after(left) as limit:
                        close = partial(self._sink.close, deadline=left)
                        lost = await anyio.to_thread.run_sync(close, abandon_on_cancel=True)
                    if limit.cancelled_caught:
                        late.append("log")
                except Exception:  # noqa: BLE001 - a sink of somebody else's that breaks its word
                    failed["log"] = ErrorCode.INTERNAL.value
            self.closed = CloseReport(lost, tuple(late), failed, behind)
        finally:
            self._closed_sink = self._sink is not None and self._sink is self._given.log
            self._sink = None
            self._services = {}
            self._places = None
            self._opened_in = 0

    # Services

    async def health(self, *, deadline: float = 2.0) -> Mapping[str, Health]:
        """Ask everything in use how it is, all at once, for readiness probes and dashboards.

        Whether a service can work without one of them is the service's own word: messages wait for a mail server
        that is down, a record cannot wait for the trail.

        Arguments:
            deadline: seconds; whoever has not answered by then is down.

        Returns:
            ``keys``, ``state``, ``subject_keys``, ``audit``, ``storage``, ``email``, as ``storage images`` or
            ``storage tenant EU`` the further stores, and as ``audit copy offsite`` the trail's copies. The log is not
            among them.

        Raises:
            AegisError: ``unavailable`` if it is not open.
            ForkedError: it was opened before this process was forked.
        """
        self._check_process()
        if self._places is None:
            raise AegisError(ErrorCode.UNAVAILABLE, _NOT_OPEN, operation="aegis.health", retryable=False)
        return await health_of(self._places, deadline=deadline, clock=self._clock)

    def _check_process(self) -> None:
        if self._opened_in and self._opened_in != os.getpid():
            raise ForkedError("this Aegis")

    def _service(self, name: str) -> Any:
        self._check_process()
        try:
            return self._services[name]
        except KeyError:
            raise AegisError(
                ErrorCode.UNAVAILABLE, self._why_not(name), operation=f"aegis.{name}", retryable=False
            ) from None

    def _why_not(self, name: str) -> str:
        if not self._services:
            return _NOT_OPEN
        part, _, store = name.partition(" ")
        if store:
            return f"Aegis has no {part} of that name: set AEGIS_{part.upper()}__NAME, or hand over {part}={{name: …}}"
        return f"the part {part!r} is not open: `only` leaves it out"

    @property
    def log(self) -> Logger:
        """The logger."""
        return cast("Logger", self._service("log"))

    @property
    def keys(self) -> Keyring:
        """The keyring."""
        return cast("Keyring", self._service("keys"))

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return cast("AuditTrail", self._service("audit"))

    @property
    def storage(self) -> Storage:
        """The store of all; further ones by name through `get`."""
        return cast("Storage", self._service("storage"))

    @property
    def notify(self) -> NotificationHub:
        """The notification hub."""
        return cast("NotificationHub", self._service("notify"))

    def get(self, type_: type[T], /, *, name: str = "") -> T:
        """A service by its type: ``aegis.get(Storage, name="images")``.

        Raises:
            AegisError: ``unavailable`` if it is not open, ``invalid_argument`` if Aegis has no such type.
        """
        kind = _KINDS.get(type_)
        if kind is None:
            known = ", ".join(sorted(known.__name__ for known in _KINDS))
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f"Aegis provides {known}", operation="aegis.get")
        return cast("T", self._service(f"{kind} {name}" if name not in {"", DEFAULT} else kind))

    def provide(self, type_: type[T], /, *, name: str = "") -> Callable[[], Awaitable[T]]:
        """A function for dependency injection: ``Depends(aegis.provide(Storage))``.

        It is async, so that no framework takes a thread for it.
        """

        async def provided() -> T:
            return self.get(type_, name=name)

        return provided

    @property
    def asgi(self) -> Middleware:
        """Wraps an ASGI application, so that every request has its ids: ``app.add_middleware(aegis.asgi)``.

        ``aegis.asgi(app, trusted=True)``, or ``app.add_middleware(aegis.asgi, trusted=True)``, takes over the ids that
        whoever sends requests chose, as a gateway of your own may.
        """

        # A function, and no method: Sentry's integration sets an attribute of whatever is added as middleware.
        def request_ids(app: ASGIApp, *, trusted: bool = False) -> ASGIApp:
            return request_context(app, trusted=trusted, clock=self._clock, entropy=self._entropy)

        return request_ids

    def wsgi(self, app: "WSGIApp", /, *, trusted: bool = False) -> "WSGIApp":
        """The same for a WSGI application: ``app.wsgi_app = aegis.wsgi(app.wsgi_app)``."""
        from aegis_core.kernel import wsgi

        return wsgi.request_context(app, trusted=trusted, clock=self._clock, entropy=self._entropy)


_KINDS: Final[Mapping[type, str]] = {
    Logger: "log",
    Keyring: "keys",
    AuditTrail: "audit",
    Storage: "storage",
    NotificationHub: "notify",
}


class _Opened:
    """One opening of an `Aegis`."""

    def __init__(self, aegis: Aegis, deadline: float) -> None:
        self._aegis = aegis
        self._deadline = deadline
        self._lifetimes: Lifetimes | None = None
        self._process = 0

    async def __aenter__(self) -> Any:
        self._aegis._begin()
        self._process = os.getpid()
        self._lifetimes = lifetimes = Lifetimes(self._aegis._clock.monotonic)
        await lifetimes.enter()
        try:
            await self._aegis._start(lifetimes)
        except BaseException as error:
            await self._end(lifetimes, error)
            raise
        return self._aegis

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        lifetimes = self._lifetimes
        if lifetimes is None or self._process != os.getpid():
            return  # a forked child has nothing to close here, and must not touch what its parent uses
        if not lifetimes.is_own_task:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, "leave Aegis in the task that entered it", operation="aegis.close"
            )
        await self._end(lifetimes, error)
        if error is None and lifetimes.failed:
            raise next(iter(lifetimes.failed.values()))

    async def _end(self, lifetimes: Lifetimes, error: BaseException | None) -> None:
        self._lifetimes = None
        try:
            await self._aegis._close(lifetimes, self._deadline)
        except BaseException as cancelled:
            await lifetimes.leave(cancelled)
            raise
        if await lifetimes.leave(error):  # ended by what broke: that is what there is to tell
            raise next(iter(lifetimes.failed.values())) from None
