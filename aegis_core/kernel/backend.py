"""Which async backend runs, and the refusal of what cannot run there: a driver, or a service of another loop."""

import asyncio
import sys
import threading

from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.errors import AegisError, ErrorCode, MisuseError


def running_backend() -> str:
    """``asyncio`` or ``trio``, whichever runs the current task."""
    trio = sys.modules.get("trio")
    return "trio" if trio is not None and trio.lowlevel.in_trio_run() else "asyncio"


def is_on_a_loop() -> bool:
    """Whether an event loop runs on this thread."""
    return asyncio._get_running_loop() is not None or running_backend() == "trio"


def refuse_other_loop(home: int, what: str, /) -> None:
    """Raise on the loop of another thread than ``home``: whoever waits there for a lock might never be woken.

    Arguments:
        home: `threading.get_ident` where the service was opened.
        what: the service, in words.

    Raises:
        MisuseError: so it is. A thread without a loop passes: there, nothing but a handle can be made.
    """
    if threading.get_ident() != home and is_on_a_loop():
        raise MisuseError(
            f"{what} was opened on another thread's event loop: open an Aegis on each loop (they may share one place), "
            "or share the services of `aegis_core.blocking` among threads",
        )


def refuse_other_backend(adapter: Adapter, /, *, operation: str) -> None:
    """Raise unless the adapter's driver runs on the running backend. Services call this before they open an adapter.

    Raises:
        AegisError: ``unsupported``, naming the adapter and the backends that it can run on.
    """
    running = running_backend()
    if running not in adapter.backends:
        able = " and ".join(sorted(adapter.backends)) or "none"
        raise AegisError(
            ErrorCode.UNSUPPORTED,
            f"the adapter cannot run on {running}; its backends: {able}",
            operation=operation,
            adapter=adapter.name,
        )
