"""Named points at which a test may kill the program, as a power cut would."""

import os
import signal
from collections import Counter

_WANTED = os.environ.get("CLINIC_KILL_AT", "")
_seen: Counter[str] = Counter()


def point(name: str, /) -> None:
    """Kill this process if ``CLINIC_KILL_AT`` is ``name:n`` and this is the n-th time."""
    if not _WANTED:
        return
    _seen[name] += 1
    if f"{name}:{_seen[name]}" == _WANTED:
        os.kill(os.getpid(), signal.SIGKILL)
