"""What waiting for the portal costs beside asyncio's own way to wait for a loop; what a morning in the clinic takes."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from aegis_core import blocking
from aegis_core.blocking.portal import PORTAL
from aegis_core.crypto import Keyring
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.storage import Storage
from benchmarks.rows import Row, interleaved

_AREA = "app"
_ROOT = Path(__file__).parent.parent
_MIB = 1 << 20


def rows(quick: bool) -> Iterable[Row]:
    """The blocking services and the clinic."""
    yield from _blocking(quick)
    yield from _clinic(quick)


def _blocking(quick: bool) -> Iterable[Row]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    keyring = blocking.Keyring(MemoryVault(), MemoryState())
    begun, done = threading.Event(), asyncio.Event()
    theirs: list[Storage] = []

    async def peer() -> None:
        """The same service, on the loop that opened it: it serves no other."""
        async with Keyring(MemoryVault(), MemoryState()) as keys, Storage(MemoryStorage(), keys) as opened:
            await opened.upload("lab/4711.pdf", b"x" * 1000)
            theirs.append(opened)
            begun.set()
            await done.wait()

    served = asyncio.run_coroutine_threadsafe(peer(), loop)
    begun.wait()
    with keyring, blocking.Storage(MemoryStorage(), keyring) as storage:
        storage.upload("lab/4711.pdf", b"x" * 1000)
        service = theirs[0]

        async def nothing() -> None: ...

        figures = interleaved(
            {
                "stat": lambda: storage.stat("lab/4711.pdf"),
                "stat, peer": lambda: asyncio.run_coroutine_threadsafe(service.stat("lab/4711.pdf"), loop).result(),
                "nothing": lambda: PORTAL.run(nothing),
                "nothing, peer": lambda: asyncio.run_coroutine_threadsafe(nothing(), loop).result(),
            },
            number=500 if quick else 3_000,
            repeat=7 if quick else 11,
            timer=time.perf_counter,
        )
    loop.call_soon_threadsafe(done.set)
    served.result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    for name, note in (("stat", "one object's head, in memory"), ("nothing", "an empty coroutine")):
        yield Row(
            _AREA,
            f"blocking call, {name} / run_coroutine_threadsafe",
            figures[name],
            figures[f"{name}, peer"],
            target=1.4,
            note=note,
        )


def _clinic(quick: bool) -> Iterable[Row]:
    wall, peak = min(_morning() for _ in range(1 if quick else 3))
    yield Row(_AREA, "clinic, start to summary", wall, target=10.0, note="wall clock, a process of its own")
    yield Row(_AREA, "clinic, peak memory", peak / _MIB, target=150.0, unit="MiB")


def _morning() -> tuple[float, int]:
    """Seconds of wall clock and the peak of resident memory, in bytes, of a morning in a fresh home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        command = [sys.executable, "-m", "examples.clinic", "--home", f"{folder}/home"]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            message = f"the clinic ended with {process.returncode}"
            raise SystemExit(message)
    return wall, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
