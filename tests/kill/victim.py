"""Runs the clinic and kills itself at a commit point, before or after it, once so much has been acknowledged.

Usage: ``python -m tests.kill.victim POINT:before|after:N@ACKNOWLEDGED CLINIC-ARGUMENTS…`` or ``… never …``. The N-th
time that the point is reached after so many acknowledgements is this process's last moment.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable

from aegis_core.local.sqlite.state import SqliteState
from examples.clinic import __main__ as clinic

#: Point → the system's function, and what its path holds. Through these something becomes durable or visible.
POINTS = {
    "entry on disk": ("fdatasync", "/audit/journal/"),
    "tile in place": ("replace", "/audit/log/tile/"),
    "checkpoint in place": ("replace", "/audit/log/checkpoint"),
    "object's bytes on disk": ("fsync", "/storage/.#writing/"),
    "object in place": ("link", "/storage/_/"),
    "object's folder on disk": ("fsync", "/storage/_/"),
    "delivery queued": ("replace", "/audit/deliveries/queued/"),
    "letter on disk": ("fsync", "/mail/.mail/"),
    "letter in place": ("link", "/mail/"),
    "delivery finished": ("replace", "/audit/deliveries/done/"),
    "delivery off the queue": ("unlink", "/audit/deliveries/queued/"),
    "subject's key written": ("", ""),
}


class Trigger:
    """Counts acknowledgements, then hits of the point."""

    def __init__(self, moment: str, hits: int, acknowledged: int) -> None:
        self.moment = moment
        self._hits = hits
        self._waits = acknowledged
        self._lock = threading.Lock()

    def acknowledged(self) -> None:
        with self._lock:
            self._waits -= 1

    def is_last(self) -> bool:
        with self._lock:
            if self._waits > 0:
                return False
            self._hits -= 1
            return self._hits == 0

    def around(self, function: Callable[..., object], concerns: Callable[..., bool]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            is_last = concerns(*args) and self.is_last()
            if is_last and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **options)
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def arm(text: str) -> None:
    """Wrap the function of one point, and the acknowledging."""
    name, moment, count = text.split(":")
    hits, acknowledged = map(int, count.split("@"))
    trigger = Trigger(moment, hits, acknowledged)
    function, place = POINTS[name]

    def concerns(*args: object) -> bool:
        first, last = args[0], args[-1]
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(last)
        return place in path

    if function:
        setattr(os, function, trigger.around(getattr(os, function), concerns))
    else:
        SqliteState._put = trigger.around(SqliteState._put, lambda *_: True)

    def acknowledge(self: object, *args: object, **facts: object) -> None:
        real(self, *args, **facts)
        trigger.acknowledged()

    real = clinic.Acknowledgements.__call__
    clinic.Acknowledgements.__call__ = acknowledge


if __name__ == "__main__":
    if sys.argv[1] != "never":
        arm(sys.argv[1])
    sys.exit(clinic.main(sys.argv[2:]))
