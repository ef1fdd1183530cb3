"""What the cases of the storage kit share: the harness, the kit, and ways to write, read and look."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_PIECE, ByteRange, Key, ObjectInfo, Replace
from aegis_core.storage.port import Reader, StorageAdapter, StorageCapabilities
from aegis_core.testing.kit import Kit, expect, expect_error

MIB = 1 << 20

#: Keys that a careless adapter takes for one another, or for something on its disk.
AWKWARD_KEYS = tuple(
    Key(text)
    for text in (
        "_",
        "_/a",
        "_/a/b",
        "_/a/b/c",
        "_/a-b",
        "_/a.b",
        "_/a0",
        "_/a~",
        "_/a%2Fb",
        "_/A",
        "_/...",
        "_/.hidden",
        "_/..a",
        "_/-rf",
        "_/~",
        "_/%40",
        "_/a%2C",
        "_/CON",
        "_/%E0%B8%81%E0%B8%82",
        "_/" + "s" * 199,
        "_/" + "s" * 200,
        "_/" + "s" * 200 + "/t",
        "_/" + "s" * 201,
        "_/" + "s" * 255,
        "_/" + "s" * 256,
        "_/" + "s" * 400,
        "_/" + "s" * 400 + "/" + "t" * 400,
        "_/" + "%E0" * 340,
        "_/" + "/".join("d" * 511),
        "other/a",
    )
)

#: Texts that are no keys.
WRONG_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "_/",
    "_//a",
    "_/../a",
    "../../etc/passwd",
    "_/a/..",
    "_/.",
    "_/%2e",
    "_/%",
    "_/%4",
    "_/a b",
    "_/a\\b",
    "_/a\n",
    "_/a\0b",
    "_/é",
    "_/" + "x" * 1023,
)


class StorageHarness(Protocol):
    """Makes adapters over one store that is empty at first."""

    @property
    def capabilities(self) -> StorageCapabilities:
        """What the adapters declare."""
        ...

    def make(self) -> StorageAdapter:
        """A new adapter over the same store, as another process would have it; not opened."""
        ...

    async def leftovers(self) -> Sequence[str]:
        """Names of parts and temporary files that lie in the store now."""
        ...


storage_kit: Kit[StorageHarness] = Kit("storage/1", StorageCapabilities)


@asynccontextmanager
async def opened(h: StorageHarness) -> AsyncGenerator[StorageAdapter]:
    """An adapter over the store, open inside the block."""
    adapter = h.make()
    try:
        await adapter.open()
        yield adapter
    finally:
        with anyio.CancelScope(shield=True):
            await adapter.aclose()


def a_body(size: int, seed: int = 0) -> bytes:
    """That many bytes; another seed gives other bytes."""
    # 251 is prime: no two pieces of a store look alike.
    return (bytes((seed + i * 7) & 0xFF for i in range(251)) * (size // 251 + 1))[:size]


def fitting(h: StorageHarness, keys: Iterable[Key]) -> list[Key]:
    """Those of the keys that are not too long for the adapter."""
    longest = h.capabilities.longest_key
    return [key for key in keys if longest is None or len(key) <= longest]


def agrees(h: StorageHarness, one: ObjectInfo, other: ObjectInfo) -> bool:
    """Whether two descriptions are of one object. A harness whose server does not tell the date of what it has just
    written says by how many seconds the dates may differ, as ``date_tolerance``.
    """
    apart = abs((one.modified - other.modified).total_seconds())
    return attrs.evolve(one, modified=other.modified) == other and apart <= getattr(h, "date_tolerance", 0.0)


def creation(h: StorageHarness) -> Replace:
    """How to write a new object: by creation, where the adapter can."""
    return not h.capabilities.create


async def put(
    adapter: StorageAdapter, key: Key, body: bytes, /, *, replace: Replace = True, piece: int = MIB
) -> ObjectInfo:
    """Write one object, `piece` bytes at a time."""
    async with aclosing(adapter.write(key, replace=replace)) as writer:
        for start in range(0, max(len(body), 1), piece):
            await writer.write(lambda start=start: [body[start : start + piece]])  # type: ignore[misc]
        return await writer.commit()


async def read_all(reader: Reader) -> bytes:
    """Everything that a reader hands over."""
    pieces: list[bytes] = []
    while (piece := await reader.read(bytes)) is not None:
        expect(len(piece) <= LARGEST_PIECE, "a reader hands over at most LARGEST_PIECE at once")
        expect(len(piece) > 0, "a reader hands over no empty piece")
        pieces.append(piece)
    return b"".join(pieces)


async def get(adapter: StorageAdapter, key: Key, /, *, range: ByteRange | None = None) -> bytes:
    """One object, or a range of it."""
    async with aclosing(adapter.read(key, range=range)) as reader:
        return await read_all(reader)


async def find(adapter: StorageAdapter, key: Key, /) -> bytes | None:
    """One object; None if there is none."""
    try:
        return await get(adapter, key)
    except AegisError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return None


async def list_all(adapter: StorageAdapter, prefix: str = "", /, *, limit: int = 1000) -> list[ObjectInfo]:
    """Every object whose key starts with the prefix, page by page."""
    found: list[ObjectInfo] = []
    after: Key | None = None
    while True:
        page = await adapter.list(prefix, after=after, limit=limit)
        expect(len(page.objects) <= limit, "a page holds at most `limit` objects")
        found += page.objects
        if page.next is None:
            return found
        expect(after is None or page.next > after, "`next` moves on")
        after = page.next


async def is_absent(adapter: StorageAdapter, key: Key, /) -> None:
    """Fail the running case unless nothing shows the object."""
    with expect_error(ErrorCode.NOT_FOUND):
        await adapter.stat(key)
    with expect_error(ErrorCode.NOT_FOUND):
        await get(adapter, key)
    expect(key not in [info.key for info in await list_all(adapter)], "a listing shows no absent object")


async def nothing_left(h: StorageHarness) -> None:
    """Fail the running case if parts or temporary files lie in the store."""
    left = await h.leftovers()
    expect(not left, f"nothing is left behind, but {len(left)} parts are")


async def together(jobs: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all jobs at once, to their end."""
    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(job)


K1, K2 = Key("_/kit/one"), Key("_/kit/two")
