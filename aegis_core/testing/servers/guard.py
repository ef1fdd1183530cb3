"""Runs a command and ends it, with all it started, once whoever started this is gone: standard library only.

Usage: ``python -I guard.py UID COMMAND …``, UID being ``-`` for the caller's own, with standard input held open by
the owner. When that closes (the owner ended, in whatever way), or on SIGTERM, the command's process group gets SIGTERM,
and SIGKILL after five seconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_GRACE = 5.0


def main() -> int:
    """Run the command that the arguments name."""
    user = None if sys.argv[1] == "-" else int(sys.argv[1])
    child = subprocess.Popen(  # noqa: S603 - the owner's own command
        sys.argv[2:],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
