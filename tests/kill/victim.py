"""Runs the clinic and kills itself at a commit point: before or after the n-th call of one of the system's functions.

Usage: ``python -m tests.kill.victim FUNCTION:before|after:N CLINIC-ARGUMENTS…``
"""

import os
import signal
import sys
import threading

from examples.clinic.__main__ import main


def arm(point: str) -> None:
    """Wrap one function of `os`, so that its n-th call is this process's last."""
    name, moment, number = point.split(":")
    real = getattr(os, name)
    lock = threading.Lock()
    left = int(number)

    def call(*args: object, **options: object) -> object:
        nonlocal left
        with lock:
            left -= 1
            is_last = left == 0
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **options)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, call)


if __name__ == "__main__":
    if sys.argv[1] != "never":
        arm(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
