"""Free ports of this machine that no other test run takes meanwhile."""

import itertools
import os
import socket
from types import TracebackType
from typing import Final, Self

#: Below the range that systems hand out to outgoing connections: one of those could take a server's port while it is
#: down between `kill` and `start`.
_FIRST, _COUNT = 20_000, 12_000
_numbers: Final = itertools.count(os.getpid() * 101)


class Ports:
    """Takes free TCP ports of 127.0.0.1 and keeps them until it is closed.

    A port is kept by binding its UDP twin, which no server here uses: whoever takes ports this way, in whatever
    process, sees that it is taken while its server is still starting, or is down; and the system gives it back when the
    process ends, in whatever way.
    """

    def __init__(self) -> None:
        self._twins: list[socket.socket] = []

    def take(self) -> int:
        """A port that nobody listens on.

        Raises:
            OSError: there is none.
        """
        for number in itertools.islice(_numbers, _COUNT):
            port = _FIRST + number % _COUNT
            twin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                twin.bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                twin.close()
            else:
                self._twins.append(twin)
                return port
        message = f"no free port between {_FIRST} and {_FIRST + _COUNT - 1}"
        raise OSError(message)

    def close(self) -> None:
        """Give them back. Idempotent."""
        while self._twins:
            self._twins.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
