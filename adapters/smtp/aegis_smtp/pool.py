"""Connections that are used again: greeting a server costs more than a message."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from aegis_smtp.session import Server, Session

#: Messages over one connection: servers end those that go on for ever.
MOST_MESSAGES: Final = 100
#: Seconds after which an idle connection is asked whether it lives.
_IDLE: Final = 5.0


class Pool:
    """Hands out connections to worker threads, and keeps up to ``largest`` of them open between uses."""

    def __init__(self, server: Server, /, *, largest: int, monotonic: Callable[[], float]) -> None:
        self.server = server
        self._largest = largest
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._idle: deque[tuple[float, Session]] = deque()
        self._is_closed = False

    def take(self, *, limit: float) -> Session:
        """An open connection: the one that was used last, if it lives, or a new one."""
        while True:
            with self._lock:
                if not self._idle:
                    break
                since, session = self._idle.pop()
            session.wait_at_most(limit)
            if self._monotonic() - since < _IDLE or session.is_alive():
                return session
            session.close()
        return Session(self.server, limit=limit)

    def give_back(self, session: Session, /) -> None:
        """Keep it for the next message, or close it."""
        if session.is_open and session.sent < MOST_MESSAGES:
            with self._lock:
                if not self._is_closed and len(self._idle) < self._largest:
                    self._idle.append((self._monotonic(), session))
                    return
        session.quit()

    def open(self) -> None:
        """Take connections from now on."""
        with self._lock:
            self._is_closed = False

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, deque()
        for _, session in idle:
            session.quit()
