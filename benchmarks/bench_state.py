"""Small documents: what a durable replacement costs over the system calls that it cannot do without; JSON both ways."""

import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import anyio.to_thread

from aegis_core.kernel import json
from aegis_core.kernel.state import StateStore
from aegis_core.local.filesystem.state import FileState
from aegis_core.local.sqlite.state import SqliteState
from benchmarks.rows import Row, interleaved, interleaved_async, on_asyncio

_TILE = bytes(range(256)) * 32  # a full tile of hashes


def rows(quick: bool) -> Iterable[Row]:
    """Every row of this area."""
    yield from on_asyncio(lambda: _stores(10 if quick else 40))
    yield from _json(20 if quick else 200)


async def _stores(number: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, database = FileState(folder / "files"), SqliteState(folder / "state.db")
        await files.open()
        await database.open()
        (folder / "raw").mkdir()

        async def raw() -> None:
            await anyio.to_thread.run_sync(_raw, folder / "raw")

        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "raw": raw,
            "file": await _replacing(files),
            "sqlite": await _replacing(database),
            "get": lambda: files.get("log/tile/0/000"),
            "read": lambda: anyio.to_thread.run_sync((folder / "files/log/tile/0/000").read_bytes),
        }
        spent = await interleaved_async(calls, number=number, repeat=5, timer=time.perf_counter)
        cpu = await interleaved_async(calls, number=number, repeat=5)
        await files.aclose()
        await database.aclose()
    limit = "write, fsync, rename, fsync of the folder, in one hop"
    return [
        Row("state", "replace a tile of 8 KiB, file", spent["file"], spent["raw"], target=1.5, note=f"over {limit}"),
        Row("state", "the same, CPU", cpu["file"], cpu["raw"], target=3.0, note="lock, checks, stamp of the revision"),
        Row("state", "replace and erase 8 KiB, sqlite", spent["sqlite"], spent["raw"], note=f"over {limit}"),
        Row("state", "read a tile of 8 KiB, file", spent["get"], spent["read"], note="over read_bytes in one hop"),
    ]


async def _replacing(store: StateStore) -> Callable[[], Awaitable[object]]:
    revision = await store.put("log/tile/0/000", _TILE, expected=None)

    async def replace() -> None:
        nonlocal revision
        revision = await store.put("log/tile/0/000", _TILE, expected=revision)

    return replace


def _raw(folder: Path) -> None:
    temporary, target = folder / ".new", folder / "000"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, _TILE)
    os.fsync(fd)
    os.close(fd)
    temporary.replace(target)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def _json(number: int) -> Iterable[Row]:
    import json as stdlib

    value = {
        f"key-{index}": [index, f"value {index} ä", None, True, index / 7, {"nested": [index] * 5}]
        for index in range(50)
    }
    text = json.dumps(value)
    calls: dict[str, Callable[[], object]] = {
        "json.dumps": lambda: stdlib.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(),
        "ours": lambda: json.dumps(value, sort=True),
        "ours without orjson": lambda: json._stdlib_dumps(value, True),
        "json.loads": lambda: stdlib.loads(text),
        "loads": lambda: json.loads(text),
    }
    spent = interleaved(calls, number=number)
    yield Row(
        "state",
        "JSON written, sorted",
        spent["ours"],
        spent["json.dumps"],
        target=0.6 if json._fast() else None,
        peers={"without orjson": spent["ours without orjson"]},
        note="over json.dumps; with nulls, behind which a NaN is looked for",
    )
    yield Row("state", "JSON read", spent["loads"], spent["json.loads"], note="over json.loads")
