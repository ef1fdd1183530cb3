"""What every storage adapter must do: each sentence of `aegis_core.storage.port` is a case.

A harness says how to make adapters over one empty store, and how to look for what should not be there::

    class FolderHarness:
        capabilities = FileStorage.capabilities

        def __init__(self, root): self.root = root
        def make(self): return FileStorage(self.root)
        async def leftovers(self): return [p.name for p in (self.root / ".#writing").iterdir()]
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.storage.model import LARGEST_PIECE, ByteRange, Key, Match, ObjectInfo, Page, Replace
from aegis_core.storage.port import Reader, StorageAdapter, StorageCapabilities, Writer
from aegis_core.testing.interrupt import every_wait
from aegis_core.testing.kit import Kit, expect, expect_error

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

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


storage_kit: Kit[StorageHarness] = Kit("storage/1")


@asynccontextmanager
async def _opened(h: StorageHarness) -> AsyncGenerator[StorageAdapter]:
    adapter = h.make()
    try:
        await adapter.open()
        yield adapter
    finally:
        with anyio.CancelScope(shield=True):
            await adapter.aclose()


def _body(size: int, seed: int = 0) -> bytes:
    # 251 is prime: no two pieces of a store look alike.
    return (bytes((seed + i * 7) & 0xFF for i in range(251)) * (size // 251 + 1))[:size]


def _create(h: StorageHarness) -> Replace:
    """How to write a new object: by creation, where the adapter can."""
    return not h.capabilities.create


async def _put(
    adapter: StorageAdapter, key: Key, body: bytes, /, *, replace: Replace = True, piece: int = MIB
) -> ObjectInfo:
    async with aclosing(adapter.write(key, replace=replace)) as writer:
        for start in range(0, max(len(body), 1), piece):
            await writer.write(lambda start=start: [body[start : start + piece]])  # type: ignore[misc]
        return await writer.commit()


async def _read_all(reader: Reader) -> bytes:
    pieces: list[bytes] = []
    while (piece := await reader.read(bytes)) is not None:
        expect(len(piece) <= LARGEST_PIECE, "a reader hands over at most LARGEST_PIECE at once")
        expect(len(piece) > 0, "a reader hands over no empty piece")
        pieces.append(piece)
    return b"".join(pieces)


async def _get(adapter: StorageAdapter, key: Key, /, *, range: ByteRange | None = None) -> bytes:
    async with aclosing(adapter.read(key, range=range)) as reader:
        return await _read_all(reader)


async def _find(adapter: StorageAdapter, key: Key, /) -> bytes | None:
    try:
        return await _get(adapter, key)
    except AegisError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return None


async def _list_all(adapter: StorageAdapter, prefix: str = "", /, *, limit: int = 1000) -> list[ObjectInfo]:
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


async def _is_absent(adapter: StorageAdapter, key: Key, /) -> None:
    with expect_error(ErrorCode.NOT_FOUND):
        await adapter.stat(key)
    with expect_error(ErrorCode.NOT_FOUND):
        await _get(adapter, key)
    expect(key not in [info.key for info in await _list_all(adapter)], "a listing shows no absent object")


async def _nothing_left(h: StorageHarness) -> None:
    left = await h.leftovers()
    expect(not left, f"nothing is left behind, but {len(left)} parts are")


async def _together(jobs: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(job)


K1, K2 = Key("_/kit/one"), Key("_/kit/two")


# ------------------------------------------------------------------------------------------------------ lifetimes


@storage_kit.case
async def opens_and_closes_any_number_of_times(h: StorageHarness) -> None:
    """`open` and `aclose` are idempotent, and `aclose` works on what was never opened."""
    await h.make().aclose()
    adapter = h.make()
    await adapter.open()
    await adapter.open()
    expect((await adapter.health()).state == "up", "an opened adapter is up")
    await adapter.aclose()
    await adapter.aclose()


@storage_kit.case
async def says_who_it_is(h: StorageHarness) -> None:
    """It has a name and backends, and classifies its own exceptions only."""
    adapter = h.make()
    expect(adapter.name, "an adapter has a name")
    expect(adapter.capabilities == h.capabilities, "an adapter declares what its harness says")
    expect(adapter.backends and adapter.backends <= {"asyncio", "trio"}, "an adapter names its backends")
    expect(adapter.classify(ZeroDivisionError()) is None, "an exception of others is not classified")


# ---------------------------------------------------------------------------------------------- writing and reading


@storage_kit.case
async def gives_back_what_was_written(h: StorageHarness) -> None:
    """What was committed is read back byte for byte, at every size around a piece, by another adapter too."""
    async with _opened(h) as adapter, _opened(h) as other:
        for size in (0, 1, 1000, MIB, LARGEST_PIECE - 1, LARGEST_PIECE, LARGEST_PIECE + 1, 3 * MIB + 5):
            body = _body(size, seed=size)
            key = Key(f"_/size/{size}")
            info = await _put(adapter, key, body, piece=MIB)
            expect(info.key == key, "`commit` says which key it wrote")
            expect(info.stored_size == size, "`stored_size` is the number of bytes written")
            expect(await _get(other, key) == body, f"{size} bytes come back as they were written")
            expect(await other.stat(key) == info, "`stat` agrees with `commit`")
            async with aclosing(other.read(key)) as reader:
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    _ = reader.info
                await _read_all(reader)
                expect(reader.info == info, "a reader's info agrees with `commit`")
                expect(await reader.read(bytes) is None, "after the end every read gives None")


@storage_kit.case
async def takes_each_piece_once_and_never_at_the_end(h: StorageHarness) -> None:
    """`take` is called once a piece, in order, and never at the end; what it raises comes out unchanged."""
    body = _body(2 * LARGEST_PIECE + 10)
    async with _opened(h) as adapter:
        await _put(adapter, K1, body)
        seen: list[int] = []
        async with aclosing(adapter.read(K1)) as reader:

            def take(view: memoryview) -> bool:
                seen.append(len(view))
                return True

            while await reader.read(take):
                pass
        expect(sum(seen) == len(body) and all(seen), "`take` sees every byte once, and no empty piece")
        boom = RuntimeError("from take")

        def fail(_view: memoryview) -> None:
            raise boom

        caught: BaseException | None = None
        async with aclosing(adapter.read(K1)) as reader:
            try:
                await reader.read(fail)
            except RuntimeError as error:
                caught = error
        expect(caught is boom, "what `take` raises comes out as the same object")


@storage_kit.case
async def calls_each_make_once_in_order(h: StorageHarness) -> None:
    """Each `make` is called once, in order, at latest in `commit`; a view is used before the next is asked for."""
    async with _opened(h) as adapter:
        calls: list[int] = []
        buffer = bytearray(4)

        def make(number: int) -> Iterable[memoryview]:
            calls.append(number)
            for part in range(3):
                buffer[:] = bytes([number, part, number, part])
                yield memoryview(buffer)

        async with aclosing(adapter.write(K1, replace=_create(h))) as writer:
            for number in range(5):
                await writer.write(lambda number=number: make(number))  # type: ignore[misc]
            await writer.commit()
        expect(calls == [0, 1, 2, 3, 4], "each `make` is called once, in order")
        expected = b"".join(bytes([n, p, n, p]) for n in range(5) for p in range(3))
        expect(await _get(adapter, K1) == expected, "each view is written before the next is asked for")


@storage_kit.case
async def publishes_nothing_when_make_raises(h: StorageHarness) -> None:
    """What a `make` raises comes out unchanged, and nothing is published, not even by a later `commit`."""
    async with _opened(h) as adapter:
        for failing in (0, 1, 2):
            boom = RuntimeError("from make")
            key = Key(f"_/fails/{failing}")

            def make(number: int, failing: int = failing, boom: RuntimeError = boom) -> Iterable[bytes]:
                yield b"some"
                if number == failing:
                    raise boom

            caught: BaseException | None = None
            async with aclosing(adapter.write(key, replace=_create(h))) as writer:
                try:
                    for number in range(3):
                        await writer.write(lambda number=number: make(number))  # type: ignore[misc]
                    await writer.commit()
                except RuntimeError as error:
                    caught = error
                expect(caught is boom, "what `make` raises comes out as the same object")
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await writer.commit()
            await _is_absent(adapter, key)
        await _nothing_left(h)


@storage_kit.case
async def shows_nothing_before_commit(h: StorageHarness) -> None:
    """Nothing is visible before `commit` is called, however much was written; afterwards all of it is."""
    async with _opened(h) as adapter, _opened(h) as other:
        body = _body(MIB + 3)
        async with aclosing(adapter.write(K1, replace=_create(h))) as writer:
            for _ in range(4):
                await writer.write(lambda: [body])
                await _is_absent(adapter, K1)
                await _is_absent(other, K1)
            await writer.commit()
            expect(await _get(other, K1) == body * 4, "what was committed is visible at once")
        async with aclosing(adapter.write(K1, replace=True)) as writer:
            for _ in range(3):
                await writer.write(lambda: [b"new"])
            expect(await _get(other, K1) == body * 4, "the old object stays until the new one is committed")
            await writer.commit()
        expect(await _get(other, K1) == b"new" * 3, "what was committed has replaced the old object")


@storage_kit.case
async def leaves_nothing_without_commit(h: StorageHarness) -> None:
    """Leaving without a commit leaves no object and no part; a writer is used up by `commit` and by `aclose`."""
    async with _opened(h) as adapter:
        for pieces in range(4):
            writer = adapter.write(K1, replace=_create(h))
            for _ in range(pieces):
                await writer.write(lambda: [_body(MIB)])
            await writer.aclose()
            await writer.aclose()
            await _is_absent(adapter, K1)
            await _nothing_left(h)
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.write(lambda: [b"late"])
            await _is_absent(adapter, K1)
        async with aclosing(adapter.write(K1, replace=_create(h))) as writer:
            await writer.write(lambda: [b"x"])
            await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.write(lambda: [b"late"])
        expect(await _get(adapter, K1) == b"x", "what comes after a commit changes nothing")
        await _nothing_left(h)


@storage_kit.case
async def commits_an_object_of_no_bytes(h: StorageHarness) -> None:
    """A commit without a write makes an empty object."""
    async with _opened(h) as adapter:
        async with aclosing(adapter.write(K1, replace=_create(h))) as writer:
            info = await writer.commit()
        expect(info.stored_size == 0, "an empty object has no bytes")
        expect(await _get(adapter, K1) == b"", "an empty object is read as no bytes")
        expect([i.key for i in await _list_all(adapter)] == [K1], "an empty object is listed")


@storage_kit.case
async def reads_exactly_the_range(h: StorageHarness) -> None:
    """A range is half-open; a stop beyond the end is cut; a start beyond it is invalid_argument."""
    async with _opened(h) as adapter:
        size = LARGEST_PIECE + 1000
        body = _body(size)
        await _put(adapter, K1, body)
        edges = (0, 1, 2, 999, LARGEST_PIECE - 1, LARGEST_PIECE, LARGEST_PIECE + 1, size - 1, size)
        for start in edges:
            for stop in (*(edge for edge in edges if edge >= start), size + 1, size * 2, None):
                got = await _get(adapter, K1, range=ByteRange(start, stop))
                expect(got == body[start:stop], f"bytes {start} to {stop} of {size} are exactly these")
        for start in (size + 1, size * 3):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await _get(adapter, K1, range=ByteRange(start))
        async with aclosing(adapter.read(K1, range=ByteRange(5, 6))) as reader:
            await _read_all(reader)
            expect(reader.info.stored_size == size, "a reader's info tells the size of the whole object")
        await _put(adapter, K2, b"")
        expect(await _get(adapter, K2, range=ByteRange(0, 5)) == b"", "an empty object has the range from 0")
        with expect_error(ErrorCode.INVALID_ARGUMENT):
            await _get(adapter, K2, range=ByteRange(1))


@storage_kit.case
async def never_mixes_two_objects(h: StorageHarness) -> None:
    """An object that is replaced or deleted while it is read comes out whole, or the read is a conflict."""
    async with _opened(h) as adapter, _opened(h) as other:
        old, new = _body(2 * LARGEST_PIECE + 7, seed=1), _body(2 * LARGEST_PIECE + 7, seed=2)
        for replaced in (True, False):
            await _put(adapter, K1, old, replace=True)
            async with aclosing(adapter.read(K1)) as reader:
                first = await reader.read(bytes)
                if replaced:
                    await _put(other, K1, new, replace=True)
                else:
                    await other.delete(K1)
                try:
                    got: bytes | None = (first or b"") + await _read_all(reader)
                except AegisError as error:
                    expect(error.code is ErrorCode.CONFLICT, "an object that changed while it was read is a conflict")
                    got = None
            expect(got in (old, None), "pieces of two objects are never mixed")
            expect(await _find(adapter, K1) == (new if replaced else None), "the next read sees the new state")


# ------------------------------------------------------------------------------------------------------- conditions


@storage_kit.case
async def says_not_found(h: StorageHarness) -> None:
    """What does not exist is not_found: at `stat`, and at the first read, not before."""
    async with _opened(h) as adapter:
        await _is_absent(adapter, K1)
        await _put(adapter, Key("_/kit/one/below"), b"x")
        await _is_absent(adapter, K1)
        await _put(adapter, K2, b"x")
        await _is_absent(adapter, Key("_/kit/two/below"))
        reader = adapter.read(K1)
        with expect_error(ErrorCode.NOT_FOUND):
            await reader.read(bytes)
        await reader.aclose()


@storage_kit.case(needs="create")
async def creates_only_what_is_absent(h: StorageHarness) -> None:
    """`replace=False` creates, and is already_exists where something is, which stays as it was."""
    async with _opened(h) as adapter:
        first = await _put(adapter, K1, b"first", replace=False)
        with expect_error(ErrorCode.ALREADY_EXISTS):
            await _put(adapter, K1, b"second", replace=False)
        expect(await _get(adapter, K1) == b"first", "a refused creation changes nothing")
        expect(await adapter.stat(K1) == first, "a refused creation changes no etag")
        await _nothing_left(h)
        await adapter.delete(K1)
        await _put(adapter, K1, b"third", replace=False)
        expect(await _get(adapter, K1) == b"third", "what was deleted can be created again")


@storage_kit.case(needs="create")
async def lets_one_of_many_creators_win(h: StorageHarness) -> None:
    """Of N racers that create one wins, and the rest get already_exists."""
    async with _opened(h) as adapter, _opened(h) as other:
        for turn in range(5):
            key = Key(f"_/race/{turn}")
            won = await _race(key, (adapter, other), replace=False, lost=ErrorCode.ALREADY_EXISTS)
            expect(await _get(adapter, key) == won, "the winner's object is there")
        await _nothing_left(h)


async def _race(key: Key, adapters: Sequence[StorageAdapter], *, replace: Replace, lost: ErrorCode) -> bytes:
    bodies = [_body(3000, seed=n) for n in range(8)]
    winners: list[bytes] = []
    losers: list[ErrorCode] = []
    ready = anyio.Event()
    waiting = 0

    async def write(adapter: StorageAdapter, body: bytes) -> None:
        nonlocal waiting
        async with aclosing(adapter.write(key, replace=replace)) as writer:
            await writer.write(lambda: [body[:1000]])
            await writer.write(lambda: [body[1000:]])
            waiting += 1
            if waiting == len(bodies):
                ready.set()
            await ready.wait()
            try:
                await writer.commit()
            except AegisError as error:
                losers.append(error.code)
            else:
                winners.append(body)

    async with anyio.create_task_group() as group:
        for number, body in enumerate(bodies):
            group.start_soon(write, adapters[number % len(adapters)], body)
    expect(len(winners) == 1, f"one of {len(bodies)} racers wins, not {len(winners)}")
    expect(set(losers) == {lost}, f"those who lost get {lost.value}")
    return winners[0]


@storage_kit.case
async def replaces_whatever_is_there(h: StorageHarness) -> None:
    """`replace=True` replaces what is there, and creates what is not."""
    async with _opened(h) as adapter:
        for body in (b"one", b"", _body(MIB + 1)):
            await _put(adapter, K1, body, replace=True)
            expect(await _get(adapter, K1) == body, "the object is the one written last")
        expect(len(await _list_all(adapter)) == 1, "one key is one object")
        await _nothing_left(h)


@storage_kit.case(needs="match")
async def replaces_only_what_matches(h: StorageHarness) -> None:
    """A `Match` replaces the object with that etag; a moved etag, and nothing there, are precondition_failed."""
    async with _opened(h) as adapter:
        first = await _put(adapter, K1, b"first")
        second = await _put(adapter, K1, b"second", replace=Match(first.etag))
        expect(await _get(adapter, K1) == b"second", "the matching object was replaced")
        for stale in (first.etag, "", "no etag of ours", second.etag + "0"):
            with expect_error(ErrorCode.PRECONDITION_FAILED):
                await _put(adapter, K1, b"third", replace=Match(stale))
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await _put(adapter, K2, b"third", replace=Match(second.etag))
        await _is_absent(adapter, K2)
        expect(await _get(adapter, K1) == b"second", "a failed precondition changes nothing")
        await _nothing_left(h)


@storage_kit.case(needs="match")
async def lets_one_of_many_replacers_win(h: StorageHarness) -> None:
    """Of N racers with one `Match` one wins, and the rest get precondition_failed."""
    async with _opened(h) as adapter, _opened(h) as other:
        for turn in range(5):
            key = Key(f"_/race/{turn}")
            info = await _put(adapter, key, b"old")
            won = await _race(key, (adapter, other), replace=Match(info.etag), lost=ErrorCode.PRECONDITION_FAILED)
            expect(await _get(adapter, key) == won, "the winner's object is there")
        await _nothing_left(h)


@storage_kit.case(without="create")
async def refuses_to_create_if_it_cannot(h: StorageHarness) -> None:
    """Without the capability `create`, `replace=False` raises UnsupportedCapability, and nothing is published."""
    await _must_refuse(h, False, "create")


@storage_kit.case(without="match")
async def refuses_to_match_if_it_cannot(h: StorageHarness) -> None:
    """Without the capability `match`, a `Match` raises UnsupportedCapability, and nothing changes."""
    await _must_refuse(h, Match("some etag"), "match")
    async with _opened(h) as adapter:
        info = await _put(adapter, K2, b"x", replace=True)
        await _refused("match", adapter.delete(K2, only=Match(info.etag)))
        expect(await _get(adapter, K2) == b"x", "a refused deletion changes nothing")


async def _must_refuse(h: StorageHarness, replace: Replace, capability: str) -> None:
    async with _opened(h) as adapter:

        async def attempt() -> None:
            await _put(adapter, K1, b"x", replace=replace)

        await _refused(capability, attempt())
        await _is_absent(adapter, K1)
        await _nothing_left(h)


async def _refused(capability: str, work: Coroutine[Any, Any, object]) -> None:
    caught: UnsupportedCapability | None = None
    try:
        await work
    except UnsupportedCapability as error:
        caught = error
    expect(caught is not None and caught.capability == capability, f"the capability {capability} is refused by name")


@storage_kit.case
async def changes_the_etag_with_every_write(h: StorageHarness) -> None:
    """An etag changes whenever the object is replaced, even by the same bytes, and never comes back."""
    async with _opened(h) as adapter, _opened(h) as other:
        seen: set[str] = set()
        for turn in range(12):
            writer = adapter if turn % 2 else other
            info = await _put(writer, K1, b"same bytes", replace=True)
            expect(info.etag and info.etag not in seen, "an etag is new with every write")
            seen.add(info.etag)
            expect((await adapter.stat(K1)).etag == info.etag, "`stat` shows the etag of the last write")
            expect((await _list_all(adapter))[0].etag == info.etag, "a listing shows the etag of the last write")
            if turn % 3 == 2:
                await adapter.delete(K1)


@storage_kit.case
async def deletes(h: StorageHarness) -> None:
    """`delete` removes one object; of nothing it is no error."""
    async with _opened(h) as adapter, _opened(h) as other:
        for key in (K1, K2, Key("_/kit/one/below")):
            await _put(adapter, key, b"x")
        await adapter.delete(K1)
        await _is_absent(other, K1)
        await adapter.delete(K1)
        await adapter.delete(Key("_/never/was"))
        await adapter.delete(Key("_/kit/two/never"))
        left = [info.key for info in await _list_all(other)]
        expect(left == ["_/kit/one/below", "_/kit/two"], "`delete` removes nothing else")


@storage_kit.case(needs="match")
async def deletes_only_what_matches(h: StorageHarness) -> None:
    """`delete` with `only` removes the object with that etag; another one, or none, is precondition_failed."""
    async with _opened(h) as adapter:
        first = await _put(adapter, K1, b"x")
        second = await _put(adapter, K1, b"x", replace=True)
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await adapter.delete(K1, only=Match(first.etag))
        expect(await _get(adapter, K1) == b"x", "a failed precondition deletes nothing")
        await adapter.delete(K1, only=Match(second.etag))
        await _is_absent(adapter, K1)
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await adapter.delete(K1, only=Match(second.etag))


@storage_kit.case(needs="largest")
async def refuses_what_is_too_large(h: StorageHarness) -> None:
    """An object of more than `largest` bytes is resource_exhausted, and nothing is published."""
    largest = h.capabilities.largest or 0
    if largest > 16 * MIB:
        return  # a kit must not fill somebody's bucket
    async with _opened(h) as adapter:
        await _put(adapter, K1, bytes(largest), replace=True)
        with expect_error(ErrorCode.RESOURCE_EXHAUSTED):
            await _put(adapter, K2, bytes(largest + 1), replace=True)
        await _is_absent(adapter, K2)
        await _nothing_left(h)


# ------------------------------------------------------------------------------------------------------------- keys


@storage_kit.case
async def keeps_every_key_apart(h: StorageHarness) -> None:
    """Each key is an object of its own: long segments, keys below keys, upper and lower case."""
    async with _opened(h) as adapter, _opened(h) as other:
        for number, key in enumerate(AWKWARD_KEYS):
            await _put(adapter, key, b"%d" % number, replace=True)
        for number, key in enumerate(AWKWARD_KEYS):
            expect(await _get(other, key) == b"%d" % number, "each key has its own object")
        listed = [info.key for info in await _list_all(other, limit=3)]
        expect(listed == sorted(AWKWARD_KEYS), "every key is listed, as it was given, in order")
        for key in AWKWARD_KEYS[::2]:
            await adapter.delete(key)
        for number, key in enumerate(AWKWARD_KEYS):
            expect(await _find(other, key) == (b"%d" % number if number % 2 else None), "a deletion is of one key only")


@storage_kit.case
async def refuses_what_is_no_key(h: StorageHarness) -> None:
    """What is no canonical key is invalid_argument, before anything is touched."""
    async with _opened(h) as adapter:
        for wrong in map(Key, WRONG_KEYS):
            for replace in (_create(h), True):
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await _put(adapter, wrong, b"x", replace=replace)
            for attempt in (adapter.stat, adapter.delete):
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await attempt(wrong)
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await _get(adapter, wrong)
        for prefix in ("/", "_//", "../", "_/../", "_/%", "_/ä"):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await adapter.list(prefix)
        with expect_error(ErrorCode.INVALID_ARGUMENT):
            await adapter.list("", limit=0)
        expect(not await _list_all(adapter), "a refused key leaves nothing")
        await _nothing_left(h)


# --------------------------------------------------------------------------------------------------------- listings


@storage_kit.case
async def lists_in_order_and_by_prefix(h: StorageHarness) -> None:
    """A listing is sorted by code point, at every page size, from every prefix, and tells what `stat` tells."""
    texts = ("a", "a-", "a-b", "a.b", "a/", "a/b", "a/b/c", "a0", "aa", "b", "b/a", "b/a.", "b/a/x", "b~", "A/z", "~")
    keys = sorted(Key(f"_/{text.rstrip('/') or 'r'}") for text in {*texts, "Z", "%E0", "a/b-c", "a/b/c-d"})
    keys = sorted(set(keys))
    async with _opened(h) as adapter:
        for key in reversed(keys):
            await _put(adapter, key, key.encode(), replace=True)
        for prefix in ("", "_", "_/", "_/a", "_/a/", "_/a/b", "_/b/a", "_/none", "_/a/b/c", "other/"):
            expected = [key for key in keys if key.startswith(prefix)]
            for limit in (1, 2, 3, len(keys), 1000):
                listed = await _list_all(adapter, prefix, limit=limit)
                expect([i.key for i in listed] == expected, "a listing is sorted, complete, and of the prefix only")
        for after in (*keys, Key("_/a/a"), Key("_/a/b/"), Key("zzz")):
            page = await adapter.list("", after=after)
            expect([i.key for i in page.objects] == [k for k in keys if k > after], "`after` begins behind that key")
            expect(page.next is None, "the last page has no next")
        exact = await adapter.list("", limit=len(keys))
        rest = () if exact.next is None else (await adapter.list("", after=exact.next)).objects
        expect(not rest, "nothing comes after the last object")
        for info in await _list_all(adapter):
            expect(info == await adapter.stat(info.key), "a listing tells what `stat` tells")


@storage_kit.case
async def lists_what_stayed_once(h: StorageHarness) -> None:
    """While others write and delete, a listing shows what stayed exactly once, and in order."""
    async with _opened(h) as adapter:
        stay = [Key(f"_/stay/{n:02}/x") for n in range(12)]
        for key in stay:
            await _put(adapter, key, b"x", replace=True)
        for turn in range(4):
            seen: list[Key] = []
            after: Key | None = None
            number = 0
            while True:
                page = await adapter.list("_/stay/", after=after, limit=2 + turn)
                seen += [info.key for info in page.objects]
                if page.next is None:
                    break
                expect(after is None or page.next > after, "`next` moves on")
                after = page.next
                number += 1
                expect(number < 60, "a listing comes to its end")
                # Before, at and behind the place where the listing stands.
                for text in () if number > 10 else ("_/stay/00/a", f"_/stay/{number:02}/zz", f"_/stay/{number + 4:02}/a", "_/stay/99/z"):
                    key = Key(text)
                    if await _find(adapter, key) is None:
                        await _put(adapter, key, b"y", replace=True)
                    else:
                        await adapter.delete(key)
            expect([key for key in seen if key in stay] == stay, "what stayed is listed once and in order")
            expect(all(a < b for a, b in pairwise(seen)), "a listing is sorted, and nothing comes twice")


@storage_kit.case
async def behaves_like_a_mapping(h: StorageHarness) -> None:
    """Any sequence of calls does what a dictionary with etags would do (property-based, shrinks)."""
    from hypothesis import HealthCheck, Phase, given, settings

    async with _opened(h) as adapter, _opened(h) as other:
        runs = 0

        async def run(program: list[_Call]) -> None:
            nonlocal runs
            runs += 1
            await _Model(adapter, other, f"run{runs}/", h.capabilities).play(program)

        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
            phases=(Phase.generate, Phase.shrink),
        )
        @given(_programs())
        def explore(program: list[_Call]) -> None:
            anyio.from_thread.run(run, program)

        await anyio.to_thread.run_sync(explore)


@attrs.frozen
class _Call:
    kind: Literal["put", "delete", "read", "list"]
    key: str
    condition: Literal["create", "any", "current", "stale"]
    size: int
    start: int
    limit: int


def _programs() -> "SearchStrategy[list[_Call]]":
    from hypothesis import strategies as st

    keys = st.sampled_from(("a", "a/b", "a/b/c", "a-b", "a.b", "b", "b/a", "s" * 200, "s" * 200 + "/t", "s" * 201))
    return st.lists(
        st.builds(
            _Call,
            kind=st.sampled_from(("put", "put", "put", "delete", "read", "list")),
            key=keys,
            condition=st.sampled_from(("create", "any", "current", "stale")),
            size=st.integers(0, 40),
            start=st.integers(0, 45),
            limit=st.integers(1, 5),
        ),
        min_size=1,
        max_size=14,
    )


class _Model:
    """A dictionary beside two adapters of one store."""

    def __init__(self, one: StorageAdapter, two: StorageAdapter, prefix: str, offered: StorageCapabilities) -> None:
        self.adapters = (one, two)
        self.prefix = prefix
        self.offered = offered
        self.objects: dict[Key, tuple[bytes, str]] = {}
        self.stale: dict[Key, str] = {}

    async def play(self, program: Sequence[_Call]) -> None:
        for number, call in enumerate(program):
            adapter = self.adapters[number % 2]
            key = Key(self.prefix + call.key)
            await getattr(self, call.kind)(adapter, key, call, number)
        listed = await _list_all(self.adapters[0], self.prefix, limit=3)
        expect([(i.key, i.etag) for i in listed] == sorted((k, v[1]) for k, v in self.objects.items()), "same objects")

    def _condition(self, key: Key, call: _Call) -> Replace | None:
        if call.condition == "any" or (call.condition == "create" and not self.offered.create):
            return True
        if call.condition == "create":
            return False
        if not self.offered.match:
            return None
        etag = self.objects[key][1] if key in self.objects else ""
        return Match(etag if call.condition == "current" else self.stale.get(key, "stale"))

    async def put(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        replace = self._condition(key, call)
        if replace is None:
            return
        body = bytes([number]) * call.size
        there = self.objects.get(key)
        refused: ErrorCode | None = None
        if replace is False and there is not None:
            refused = ErrorCode.ALREADY_EXISTS
        elif isinstance(replace, Match) and (there is None or there[1] != replace.etag):
            refused = ErrorCode.PRECONDITION_FAILED
        if refused is not None:
            with expect_error(refused):
                await _put(adapter, key, body, replace=replace, piece=7)
            return
        info = await _put(adapter, key, body, replace=replace, piece=7)
        if there is not None:
            self.stale[key] = there[1]
        self.objects[key] = (body, info.etag)

    async def delete(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        condition = self._condition(key, call)
        only = condition if isinstance(condition, Match) else None
        there = self.objects.get(key)
        if only is not None and (there is None or there[1] != only.etag):
            with expect_error(ErrorCode.PRECONDITION_FAILED):
                await adapter.delete(key, only=only)
            return
        await adapter.delete(key, only=only)
        if there is not None:
            self.stale[key] = there[1]
            del self.objects[key]

    async def read(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        there = self.objects.get(key)
        if there is None:
            with expect_error(ErrorCode.NOT_FOUND):
                await _get(adapter, key)
        elif call.start > len(there[0]):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await _get(adapter, key, range=ByteRange(call.start))
        else:
            stop = call.start + call.size
            got = await _get(adapter, key, range=ByteRange(call.start, stop))
            expect(got == there[0][call.start : stop], "a range is what the dictionary's slice is")

    async def list(self, adapter: StorageAdapter, key: Key, call: _Call, number: int) -> None:
        page: Page = await adapter.list(key, limit=call.limit)
        expected = sorted(k for k in self.objects if k.startswith(key))
        expect([i.key for i in page.objects] == expected[: call.limit], "a page is what the dictionary holds")


# ----------------------------------------------------------------------------------------- cancellation and crowds


@storage_kit.case
async def survives_cancellation_at_every_wait(h: StorageHarness) -> None:
    """Cancelled at every await, a write leaves the old state or the new, and no part once `aclose` is done."""
    old, new = b"old", _body(5000, seed=3)
    async with _opened(h) as adapter, _opened(h) as other:
        for replace in (False, True) if h.capabilities.create else (True,):
            before = None if replace is False else old
            for step in every_wait():
                await other.delete(K1)
                if before is not None:
                    await _put(other, K1, before, replace=True)
                writer = adapter.write(K1, replace=replace)

                async def work(writer: Writer = writer) -> None:
                    try:
                        for start in range(0, len(new), 2000):
                            await writer.write(lambda start=start: [new[start : start + 2000]])  # type: ignore[misc]
                        await writer.commit()
                    finally:
                        with anyio.CancelScope(shield=True):
                            await writer.aclose()

                await step.run(work)
                found = await _find(other, K1)
                expect(found in (before, new), "a cancelled write leaves the old state or the new")
                expect(found == new or not step.done, "a write that came through is there")
                await _nothing_left(h)
                await _put(other, K1, b"after", replace=True)


@storage_kit.case
async def stays_whole_when_other_calls_are_cancelled(h: StorageHarness) -> None:
    """Cancelled at every await, reading, listing and deleting break nothing."""
    async with _opened(h) as adapter:
        body = _body(LARGEST_PIECE + 9)
        await _put(adapter, K1, body, replace=True)

        async def read() -> None:
            async with aclosing(adapter.read(K1)) as reader:
                expect(await _read_all(reader) == body, "an undisturbed read is whole")

        async def look() -> None:
            await adapter.stat(K1)
            await adapter.list("_/")

        async def remove() -> None:
            await adapter.delete(K2)

        for work in (read, look, remove):
            for step in every_wait():
                await _put(adapter, K2, b"x", replace=True)
                await step.run(work)
                expect(await _find(adapter, K1) == body, "the object is whole after a cancelled call")
                expect(await _find(adapter, K2) in (b"x", None), "the old state or the new")
        expect(await _find(adapter, K2) is None, "a deletion that came through is done")


@storage_kit.case
async def serves_many_tasks_at_once(h: StorageHarness) -> None:
    """It is safe to use from many tasks at once."""
    async with _opened(h) as adapter:

        async def work(number: int) -> None:
            key = Key(f"_/crowd/{number % 3}/{number}")
            body = _body(1000 + number, seed=number)
            for _ in range(3):
                await _put(adapter, key, body, replace=True)
                expect(await _get(adapter, key) == body, "each task reads what it wrote")
                await adapter.delete(key)
            await _put(adapter, key, body, replace=True)

        await _together([lambda n=n: work(n) for n in range(12)])  # type: ignore[misc]
        expect(len(await _list_all(adapter, "_/crowd/")) == 12, "every task's object is there")
        await _nothing_left(h)
