"""`Aegis`: wires the services from settings and instances. It adds nothing that a service can't do alone."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import anyio
import attrs
from anyio.abc import TaskGroup, TaskStatus

from aegis_core.audit.port import AuditSink
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.crypto.port import KeyVault
from aegis_core.kernel.asgi import ASGIApp, RequestContext
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
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
from aegis_core.wiring import Adapters, Given, wire

if TYPE_CHECKING:
    from aegis_core import blocking

T = TypeVar("T")

_NEEDS_KEYS: Final[frozenset[Part]] = frozenset({"keys", "audit", "storage", "notify"})


@attrs.frozen
class CloseReport:
    """How closing went.

    Arguments:
        lost_lines: log lines that the medium did not take.
        late: parts that were not closed within the deadline; they were cancelled.
        failed: parts that could not be closed cleanly, with the error's code.
    """

    lost_lines: int = 0
    late: tuple[str, ...] = ()
    failed: Mapping[str, str] = attrs.field(factory=dict[str, str])

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
    """

    def __init__(
        self,
        settings: Settings | None = None,
        /,
        *,
        storage: StorageAdapter | Mapping[str, StorageAdapter] | None = None,
        audit: AuditSink | None = None,
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
    ) -> None:
        self._given = Given(
            settings=settings,
            storage=storage,
            audit=audit,
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
        self._services: dict[str, Any] = {}
        self._process = 0
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

    def blocking(self) -> "AbstractContextManager[blocking.Aegis]":
        """The same for code without an event loop: ``with Aegis().blocking() as aegis:``."""
        from aegis_core.blocking.app import opened

        return opened(self)

    async def _start(self, closing: "_Closing") -> None:
        adapters = wire(
            self._given, self._only, self._require, clock=self._clock, entropy=self._entropy, metrics=self._metrics
        )
        self._services = {}
        self._process = os.getpid()
        self.closed = None
        redaction = refuse_leaks(
            self._redaction or Redaction(), on_leak=adapters.settings.on_leak, entropy=self._entropy
        )
        if adapters.log is not None:
            closing.sink = adapters.log
            self._services["log"] = self._logger(adapters, adapters.log, redaction)
        if self._only & _NEEDS_KEYS:
            await self._start_keys(adapters, closing, redaction)

    def _logger(self, adapters: Adapters, sink: LogSink, redaction: Redaction) -> Logger:
        return Logger(
            sink,
            level=adapters.settings.log_level,
            redaction=redaction,
            clock=self._clock,
            metrics=self._metrics,
        )

    async def _start_keys(self, adapters: Adapters, closing: "_Closing", redaction: Redaction) -> None:
        vault, state = adapters.need_keys()
        keyring = Keyring(vault, state, subjects=adapters.subject_keys, clock=self._clock, entropy=self._entropy)
        await closing.hold("keys", keyring)
        self._services["keys"] = keyring
        if adapters.log is not None and self._redaction is None:
            key = await keyring.active(KeyPurpose.PSEUDONYM)
            shown = Redaction({PHI.MRN: Pseudonym(key.id, key.secret)})
            self._services["log"] = self._logger(adapters, adapters.log, refuse_leaks(shown, entropy=self._entropy))
        recorder: Recorder = Unrecorded()
        if adapters.audit is not None:
            trail = AuditTrail(
                adapters.audit,
                keyring,
                origin=adapters.settings.origin,
                clock=self._clock,
                entropy=self._entropy,
                metrics=self._metrics,
            )
            await closing.hold("audit", trail)
            self._services["audit"] = recorder = trail
        if "log" in self._services:
            self._services["log"] = self._services["log"].with_recorder(recorder)
        for name, adapter in adapters.storage.items():
            storage = Storage(
                adapter,
                keyring,
                tenants=adapters.tenants if name == "default" else None,
                recorder=recorder,
                metrics=self._metrics,
                clock=self._clock,
                entropy=self._entropy,
            )
            await closing.hold(f"storage {name}", storage)
            self._services["storage" if name == "default" else f"storage {name}"] = storage
        if adapters.email is not None:
            hub = NotificationHub(
                (adapters.email,),
                keyring,
                templates=self._templates,
                recorder=recorder,
                clock=self._clock,
                entropy=self._entropy,
            )
            await closing.hold("notify", hub)
            self._services["notify"] = hub

    def _ended(self, report: CloseReport) -> None:
        self._services = {}
        self.closed = report

    # Services

    def _service(self, name: str) -> Any:
        if self._process and self._process != os.getpid():
            raise ForkedError("Aegis")
        try:
            return self._services[name]
        except KeyError:
            why = (
                f"Aegis has no part {name!r} open: look at `only`"
                if self._services
                else "Aegis is not open: enter `async with aegis.open():`, `lifespan` or `with aegis.blocking():`"
            )
            raise AegisError(ErrorCode.UNAVAILABLE, why, operation=f"aegis.{name}", retryable=False) from None

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
        return cast("T", self._service(f"{kind} {name}" if name else kind))

    def provide(self, type_: type[T], /, *, name: str = "") -> Callable[[], Awaitable[T]]:
        """A function for dependency injection: ``Depends(aegis.provide(Storage))``.

        It is async, so that no framework takes a thread for it.
        """

        async def provided() -> T:
            return self.get(type_, name=name)

        return provided

    def asgi(self, app: ASGIApp, /) -> ASGIApp:
        """Wrap an ASGI application, so that every request has its ids: ``app.add_middleware(aegis.asgi)``."""
        return RequestContext(app, clock=self._clock, entropy=self._entropy)


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
        self._closing: _Closing | None = None

    async def __aenter__(self) -> Any:
        if self._aegis._services:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this Aegis is open already", operation="aegis.open")
        closing = _Closing(anyio.create_task_group())
        await closing.group.__aenter__()
        try:
            await self._aegis._start(closing)
        except BaseException as error:
            self._aegis._ended(await closing.close(self._deadline))
            await closing.leave(error)
            raise
        self._closing = closing
        return self._aegis

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing, self._closing = self._closing, None
        if closing is None:
            return
        report = await closing.close(self._deadline)
        self._aegis._ended(report)
        await closing.leave(error)
        if error is None and closing.first_error is not None:
            raise closing.first_error


class _Closing:
    """Holds each open service in a task of its own: it is entered and left there, and can be cancelled alone."""

    def __init__(self, group: TaskGroup) -> None:
        self.group = group
        self.sink: LogSink | None = None
        self.first_error: Exception | None = None
        self._held: list[_Held] = []
        self._failed: dict[str, str] = {}

    async def hold(self, name: str, service: AbstractAsyncContextManager[object]) -> None:
        held = _Held(name, service)
        error = await self.group.start(held.run)
        if error is not None:
            raise error
        self._held.append(held)

    async def close(self, deadline: float) -> CloseReport:
        late: list[str] = []
        ends = anyio.current_time() + deadline
        with anyio.CancelScope(shield=True):
            for held in reversed(self._held):
                held.leave.set()
                with anyio.move_on_at(ends):
                    await held.left.wait()
                if not held.left.is_set():
                    late.append(held.name)
                    held.scope.cancel()
                    await held.left.wait()
                elif held.error is not None:
                    code = held.error.code.value if isinstance(held.error, AegisError) else "internal"
                    self._failed[held.name] = code
                    self.first_error = self.first_error or held.error
        lost = self.sink.close(deadline=max(0.0, ends - anyio.current_time())) if self.sink is not None else 0
        return CloseReport(lost, tuple(late), self._failed)

    async def leave(self, error: BaseException | None) -> None:
        # The caller's own exception is not handed to the group, which would wrap it in another.
        handed = error if isinstance(error, anyio.get_cancelled_exc_class()) else None
        await self.group.__aexit__(type(handed) if handed else None, handed, handed.__traceback__ if handed else None)


class _Held:
    def __init__(self, name: str, service: AbstractAsyncContextManager[object]) -> None:
        self.name = name
        self.error: Exception | None = None
        self.scope = anyio.CancelScope()
        self.leave = anyio.Event()
        self.left = anyio.Event()
        self._service = service

    async def run(self, *, task_status: TaskStatus[Exception | None]) -> None:
        is_open = False
        try:
            with self.scope:
                async with self._service:
                    is_open = True
                    task_status.started(None)
                    with anyio.CancelScope(shield=True):  # closed in order, also when the application is cancelled
                        await self.leave.wait()
        except Exception as error:
            self.error = error
            if not is_open:
                task_status.started(error)
            elif not self.leave.is_set():
                raise  # it broke while in use: that ends the application's block
        finally:
            self.left.set()
