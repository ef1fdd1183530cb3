"""One open `Aegis` a process, for servers that fork and have no lifespan: WSGI, Celery, a shell."""

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

from aegis_core.app import Aegis as AsyncAegis
from aegis_core.app import CloseReport
from aegis_core.blocking.app import Aegis
from aegis_core.blocking.audit import AuditTrail
from aegis_core.blocking.crypto import Keyring
from aegis_core.blocking.notifications import NotificationHub
from aegis_core.blocking.portal import refuse_on_a_loop
from aegis_core.blocking.storage import Storage
from aegis_core.kernel.health import Health
from aegis_core.observability.logger import Logger

T = TypeVar("T")

#: At interpreter exit, while threads may still be started; `atexit` is too late for that from Python 3.12 on.
_at_exit: Callable[[Callable[[], object]], object] = getattr(threading, "_register_atexit", atexit.register)


class PerProcess:
    """The services of `aegis_core.blocking.Aegis`, opened at their first use and closed when the process ends.

    Made once, at import. A server that forks its workers after that (gunicorn, uWSGI, Celery) has one open `Aegis` in
    each: nothing that a parent opened is used in a child. It is safe from threads. An open that fails fails for all who
    waited for it, and is tried again at the next use.

    Arguments:
        aegis: not open, and opened by nobody else.
        close_deadline: seconds that closing may take.
    """

    def __init__(self, aegis: AsyncAegis, /, *, close_deadline: float = 10.0) -> None:
        self._aegis = aegis
        self._close_deadline = close_deadline
        self._lock = threading.Lock()
        self._entered: AbstractContextManager[Aegis] | None = None
        self._opened: Aegis | None = None
        self._closes_at_exit = False
        #: For who waited meanwhile: one after the other they would wait for as many time-outs.
        self._failed: Exception | None = None
        self._failures = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def opened(self) -> Aegis:
        """The open `Aegis` of this process.

        Raises:
            SettingsError: with every problem at once.
            AegisError: what cannot be reached, by its code; also ``invalid_argument`` on a loop's own thread.
        """
        opened = self._opened
        if opened is not None:
            return opened
        refuse_on_a_loop()  # before waiting for who opens it now: a loop would stand still that long
        seen = self._failures
        with self._lock:
            if self._opened is None:
                if self._failed is not None and self._failures != seen:
                    raise self._failed.with_traceback(None)
                entering = self._aegis.blocking(close_deadline=self._close_deadline)
                try:
                    self._opened = entering.__enter__()
                except Exception as error:
                    self._failures += 1
                    self._failed = error
                    raise
                self._entered = entering
                self._failed = None
                if not self._closes_at_exit:
                    _at_exit(self.close)
                    self._closes_at_exit = True
            return self._opened

    def close(self) -> CloseReport | None:
        """Close it, if it is open; the next use opens it again. Called at exit, and by hooks such as ``worker_exit``.

        Returns:
            How it went; None: nothing was open.
        """
        with self._lock:
            entered, self._entered, self._opened = self._entered, None, None
            if entered is None:
                return None
            entered.__exit__(None, None, None)
            return self._aegis.closed

    def _forget(self) -> None:
        # In a forked child: what is open is the parent's, and the lock may be held by a thread that stayed there.
        self._lock = threading.Lock()
        self._entered = self._opened = None

    @property
    def log(self) -> Logger:
        """The logger."""
        return self.opened.log

    @property
    def keys(self) -> Keyring:
        """The keyring."""
        return self.opened.keys

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return self.opened.audit

    @property
    def storage(self) -> Storage:
        """The store of all."""
        return self.opened.storage

    @property
    def notify(self) -> NotificationHub:
        """The notification hub."""
        return self.opened.notify

    def get(self, type_: type[T], /, *, name: str = "") -> T:
        """See `aegis_core.blocking.Aegis.get`."""
        return self.opened.get(type_, name=name)

    def provide(self, type_: type[T], /, *, name: str = "") -> Callable[[], T]:
        """See `aegis_core.blocking.Aegis.provide`; opens nothing before it is called."""

        def provided() -> T:
            return self.get(type_, name=name)

        return provided

    def health(self, *, deadline: float = 2.0) -> Mapping[str, Health]:
        """See `aegis_core.Aegis.health`."""
        return self.opened.health(deadline=deadline)
