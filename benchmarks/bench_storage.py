"""Storage in a local folder: speed against a bare cipher and a bare file, and memory at any size."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegis_core.crypto.keyring import Keyring
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.service import Storage
from benchmarks.rows import Row, interleaved_async, on_asyncio

AREA = "storage"
MIB = 1 << 20
CHUNK = 16_384


def rows(quick: bool) -> Iterator[Row]:
    yield from on_asyncio(lambda: _speed(64 * MIB if quick else 256 * MIB, quick))
    for source in ("generator", "path", "read"):
        yield _memory(source, 256 * MIB if quick else 2048 * MIB)


async def _speed(size: int, quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        async with AsyncExitStack() as stack:
            root = Path(folder)
            ring = await stack.enter_async_context(Keyring(MemoryVault(), MemoryState()))
            storage = await stack.enter_async_context(Storage(FileStorage(root / "store"), ring))
            body, small = os.urandom(MIB) * (size // MIB), os.urandom(10_000)
            source = root / "source"
            source.write_bytes(body)
            raw = _Raw(root / "raw")
            repeat = 7 if quick else 5
            large = await _wall(
                {
                    "upload": lambda: storage.upload("large", body, replace=True),
                    "upload a path": lambda: storage.upload("large", source, replace=True),
                    "bare": _sync(lambda: raw.write(body)),
                },
                number=1,
                repeat=repeat,
            )

            async def read() -> None:
                async with storage.open("large") as reader:
                    async for _ in reader:
                        pass

            reading = await _wall({"read": read, "bare": _sync(raw.read)}, number=1, repeat=repeat)
            little = await _wall(
                {
                    "upload": lambda: storage.upload("small", small, replace=True),
                    "bare": _sync(lambda: raw.write(small)),
                },
                number=20 if quick else 50,
                repeat=repeat,
            )
    note = f"{size // MIB} MiB; bare: cipher loop at 16 KiB, write, fsync"
    return [
        _rate("upload of bytes", size, large["upload"], large["bare"], 0.75, note),
        _rate("upload of a Path", size, large["upload a path"], large["bare"], None, f"{note}; ours reads a file, too"),
        _rate("streamed read", size, reading["read"], reading["bare"], None, "bare: read and cipher loop at 16 KiB"),
        Row(AREA, "upload of 10 kB", little["upload"], little["bare"], note="bare: cipher, write, fsync, no folder"),
    ]


def _rate(name: str, size: int, ours: float, bare: float, target: float | None, note: str) -> Row:
    return Row(AREA, name, size / ours / 1e6, size / bare / 1e6, target=target, unit="MB/s", better="higher", note=note)


async def _wall(calls: dict[str, Callable[[], Awaitable[object]]], *, number: int, repeat: int) -> dict[str, float]:
    return await interleaved_async(calls, number=number, repeat=repeat, timer=time.perf_counter)


def _sync(work: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    import anyio.to_thread

    return lambda: anyio.to_thread.run_sync(work)


class _Raw:
    """The least that sealing into a file can cost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cipher = AESGCM(bytes(32))
        self._out = memoryview(bytearray(64 * (CHUNK + 16)))

    def write(self, body: bytes) -> None:
        view, out, encrypt = memoryview(body), self._out, self._cipher.encrypt_into
        with self._path.open("wb", buffering=0) as file:
            filled = 0
            for number, start in enumerate(range(0, len(view), CHUNK)):
                piece = view[start : start + CHUNK]
                stop = filled + len(piece) + 16
                encrypt(number.to_bytes(12, "big"), piece, None, out[filled:stop])
                filled = stop
                if filled == len(out):
                    file.write(out)
                    filled = 0
            file.write(out[:filled])
            os.fsync(file.fileno())

    def read(self) -> None:
        buffer, plain, decrypt = bytearray(len(self._out)), bytearray(CHUNK), self._cipher.decrypt_into
        number = 0
        with self._path.open("rb", buffering=0) as file, memoryview(buffer) as view:
            while got := file.readinto(buffer):
                for start in range(0, got, CHUNK + 16):
                    piece = view[start : min(start + CHUNK + 16, got)]
                    decrypt(number.to_bytes(12, "big"), piece, None, memoryview(plain)[: len(piece) - 16])
                    number += 1


_PROGRAM = """
import anyio, sys
from pathlib import Path
from aegis_core.crypto.keyring import Keyring
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.service import Storage

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

def pieces(size):
    piece = bytes(65_536)
    for _ in range(size // len(piece)):
        yield piece

async def main(kind, size, root):
    async with Keyring(MemoryVault(), MemoryState()) as ring, Storage(FileStorage(root / "store"), ring) as storage:
        async def work(size):
            if kind == "read":
                async with storage.open(str(size)) as reader:
                    async for chunk in reader:
                        pass
            else:
                source = root / "source" if kind == "path" else pieces(size)
                await storage.upload(f"up/{size}", source)
        if kind == "read":
            for each in (65_536, size):
                await storage.upload(str(each), pieces(each))
        if kind == "path":
            (root / "source").write_bytes(bytes(10))
        await work(65_536)
        if kind == "path":
            with (root / "source").open("wb") as file:
                file.truncate(size)
        if kind == "read":  # what the upload above needed is not what reading needs
            import ctypes, gc
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
        idle = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        await work(size)
        print((status("VmHWM") - idle) / 1024)

anyio.run(main, sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
"""


def _memory(kind: str, size: int) -> Row:
    what = {"generator": "upload from a generator", "path": "upload of a Path", "read": "streamed read"}[kind]
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, kind, str(size), folder], capture_output=True, text=True, check=True
        )
    return Row(
        AREA,
        f"peak memory over idle, {what}",
        float(done.stdout),
        target=4.0,
        unit="MiB",
        note=f"{size // MIB} MiB in a process of its own",
    )
