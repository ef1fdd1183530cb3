"""`Aegis` without an event loop: ``with Aegis().blocking() as aegis:``."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from aegis_core.app import Aegis as AsyncAegis
from aegis_core.app import CloseReport
from aegis_core.audit.trail import AuditTrail as AsyncAuditTrail
from aegis_core.blocking.audit import AuditTrail
from aegis_core.blocking.crypto import Keyring
from aegis_core.blocking.notifications import NotificationHub
from aegis_core.blocking.portal import PORTAL, Held
from aegis_core.blocking.storage import Storage
from aegis_core.crypto.keyring import Keyring as AsyncKeyring
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.notifications.service import NotificationHub as AsyncNotificationHub
from aegis_core.observability.logger import Logger
from aegis_core.storage.service import Storage as AsyncStorage

T = TypeVar("T")

_ASYNC: Final[Mapping[type, type]] = {
    Keyring: AsyncKeyring,
    AuditTrail: AsyncAuditTrail,
    Storage: AsyncStorage,
    NotificationHub: AsyncNotificationHub,
}


class Aegis:
    """An open `aegis_core.Aegis` whose services block. Made by `aegis_core.Aegis.blocking`."""

    def __init__(self, aegis: AsyncAegis, held: Held[Any], /) -> None:
        self._aegis = aegis
        self._held = held
        self._facades: dict[tuple[type, str], Any] = {}

    @property
    def closed(self) -> CloseReport | None:
        """How the last closing went; None while open."""
        return self._aegis.closed

    def health(self, *, deadline: float = 2.0) -> Mapping[str, Health]:
        """See `aegis_core.Aegis.health`."""
        self._held.check()
        return PORTAL.run(lambda: self._aegis.health(deadline=deadline))

    @property
    def log(self) -> Logger:
        """The logger: the same object."""
        self._held.check()
        return self._aegis.log

    @property
    def keys(self) -> Keyring:
        """The keyring."""
        return self.get(Keyring)

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return self.get(AuditTrail)

    @property
    def storage(self) -> Storage:
        """The store of all; further ones by name through `get`."""
        return self.get(Storage)

    @property
    def notify(self) -> NotificationHub:
        """The notification hub."""
        return self.get(NotificationHub)

    def get(self, type_: type[T], /, *, name: str = "") -> T:
        """A blocking service by its type: ``aegis.get(blocking.Storage, name="images")``.

        Raises:
            AegisError: ``unavailable`` if it is not open, ``invalid_argument`` if there is no such type.
            ForkedError: this Aegis was opened before the process was forked.
        """
        self._held.check()
        if type_ is Logger:
            return cast("T", self._aegis.log)
        if type_ not in _ASYNC:
            known = ", ".join(sorted(known.__name__ for known in _ASYNC))
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f"aegis_core.blocking has {known}", operation="aegis.get")
        found = self._facades.get((type_, name))
        if found is None:
            service: Any = self._aegis.get(_ASYNC[type_], name=name)
            kind: Any = type_
            found = kind.around(service, self._held)
            self._facades[type_, name] = found
        return cast("T", found)

    def provide(self, type_: type[T], /, *, name: str = "") -> Callable[[], T]:
        """A function for dependency injection that gives the blocking service."""

        def provided() -> T:
            return self.get(type_, name=name)

        return provided


@contextmanager
def opened(aegis: AsyncAegis, /, *, close_deadline: float) -> Generator[Aegis]:
    """Open an `Aegis` on the portal for a block."""
    held = PORTAL.hold(aegis.open(close_deadline=close_deadline))
    try:
        yield Aegis(aegis, held)
    except BaseException as error:
        held.leave(error)
        raise
    held.leave()
