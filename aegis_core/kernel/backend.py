"""Which async backend runs, and the refusal of an adapter whose driver cannot run on it."""

import sys

from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.errors import AegisError, ErrorCode


def running_backend() -> str:
    """``asyncio`` or ``trio``, whichever runs the current task."""
    trio = sys.modules.get("trio")
    return "trio" if trio is not None and trio.lowlevel.in_trio_run() else "asyncio"


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
