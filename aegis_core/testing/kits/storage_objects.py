"""Storage adapters: lifetimes, writing and reading."""

from collections.abc import Iterable
from contextlib import aclosing

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_PIECE, ByteRange, Key
from aegis_core.testing.kit import expect, expect_error
from aegis_core.testing.kits.storage_harness import (
    K1,
    K2,
    MIB,
    StorageHarness,
    a_body,
    agrees,
    creation,
    find,
    get,
    is_absent,
    list_all,
    nothing_left,
    opened,
    put,
    read_all,
    storage_kit,
)


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


@storage_kit.case
async def gives_back_what_was_written(h: StorageHarness) -> None:
    """What was committed is read back byte for byte, at every size around a piece, by another adapter too."""
    async with opened(h) as adapter, opened(h) as other:
        for size in (0, 1, 1000, MIB, LARGEST_PIECE - 1, LARGEST_PIECE, LARGEST_PIECE + 1, 3 * MIB + 5):
            body = a_body(size, seed=size)
            key = Key(f"_/size/{size}")
            info = await put(adapter, key, body, piece=MIB)
            expect(info.key == key, "`commit` says which key it wrote")
            expect(info.stored_size == size, "`stored_size` is the number of bytes written")
            expect(await get(other, key) == body, f"{size} bytes come back as they were written")
            expect(agrees(h, await other.stat(key), info), "`stat` agrees with `commit`")
            async with aclosing(other.read(key)) as reader:
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    _ = reader.info
                await read_all(reader)
                expect(agrees(h, reader.info, info), "a reader's info agrees with `commit`")
                expect(await reader.read(bytes) is None, "after the end every read gives None")


@storage_kit.case
async def takes_each_piece_once_and_never_at_the_end(h: StorageHarness) -> None:
    """`take` is called once a piece, in order, and never at the end; what it raises comes out unchanged."""
    body = a_body(2 * LARGEST_PIECE + 10)
    async with opened(h) as adapter:
        await put(adapter, K1, body)
        seen: list[int] = []
        async with aclosing(adapter.read(K1)) as reader:

            def take(view: memoryview) -> bool:
                seen.append(len(view))
                expect(reader.info.stored_size == len(body), "a reader's info is known inside `take`")
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
    async with opened(h) as adapter:
        calls: list[int] = []
        buffer = bytearray(4)

        def make(number: int) -> Iterable[memoryview]:
            calls.append(number)
            for part in range(3):
                buffer[:] = bytes([number, part, number, part])
                yield memoryview(buffer)

        async with aclosing(adapter.write(K1, replace=creation(h))) as writer:
            for number in range(5):
                await writer.write(lambda number=number: make(number))  # type: ignore[misc]
            await writer.commit()
        expect(calls == [0, 1, 2, 3, 4], "each `make` is called once, in order")
        expected = b"".join(bytes([n, p, n, p]) for n in range(5) for p in range(3))
        expect(await get(adapter, K1) == expected, "each view is written before the next is asked for")


@storage_kit.case
async def publishes_nothing_when_make_raises(h: StorageHarness) -> None:
    """What a `make` raises comes out unchanged, and nothing is published, not even by a later `commit`."""
    async with opened(h) as adapter:
        for failing in (0, 1, 2):
            boom = RuntimeError("from make")
            key = Key(f"_/fails/{failing}")

            def make(number: int, failing: int = failing, boom: RuntimeError = boom) -> Iterable[bytes]:
                yield b"some"
                if number == failing:
                    raise boom

            caught: BaseException | None = None
            async with aclosing(adapter.write(key, replace=creation(h))) as writer:
                try:
                    for number in range(3):
                        await writer.write(lambda number=number: make(number))  # type: ignore[misc]
                    await writer.commit()
                except RuntimeError as error:
                    caught = error
                expect(caught is boom, "what `make` raises comes out as the same object")
                with expect_error(ErrorCode.INVALID_ARGUMENT):
                    await writer.commit()
            await is_absent(adapter, key)
        await nothing_left(h)


@storage_kit.case
async def shows_nothing_before_commit(h: StorageHarness) -> None:
    """Nothing is visible before `commit` is called, however much was written; afterwards all of it is."""
    async with opened(h) as adapter, opened(h) as other:
        body = a_body(MIB + 3)
        async with aclosing(adapter.write(K1, replace=creation(h))) as writer:
            for _ in range(4):
                await writer.write(lambda: [body])
                await is_absent(adapter, K1)
                await is_absent(other, K1)
            await writer.commit()
            expect(await get(other, K1) == body * 4, "what was committed is visible at once")
        async with aclosing(adapter.write(K1, replace=True)) as writer:
            for _ in range(3):
                await writer.write(lambda: [b"new"])
            expect(await get(other, K1) == body * 4, "the old object stays until the new one is committed")
            await writer.commit()
        expect(await get(other, K1) == b"new" * 3, "what was committed has replaced the old object")


@storage_kit.case
async def leaves_nothing_without_commit(h: StorageHarness) -> None:
    """Leaving without a commit leaves no object and no part; a writer is used up by `commit` and by `aclose`."""
    async with opened(h) as adapter:
        for pieces in range(4):
            writer = adapter.write(K1, replace=creation(h))
            for _ in range(pieces):
                await writer.write(lambda: [a_body(MIB)])
            await writer.aclose()
            await writer.aclose()
            await is_absent(adapter, K1)
            await nothing_left(h)
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.write(lambda: [b"late"])
            await is_absent(adapter, K1)
        async with aclosing(adapter.write(K1, replace=creation(h))) as writer:
            await writer.write(lambda: [b"x"])
            await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.commit()
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await writer.write(lambda: [b"late"])
        expect(await get(adapter, K1) == b"x", "what comes after a commit changes nothing")
        await nothing_left(h)


@storage_kit.case
async def commits_an_object_of_no_bytes(h: StorageHarness) -> None:
    """A commit without a write makes an empty object."""
    async with opened(h) as adapter:
        async with aclosing(adapter.write(K1, replace=creation(h))) as writer:
            info = await writer.commit()
        expect(info.stored_size == 0, "an empty object has no bytes")
        expect(await get(adapter, K1) == b"", "an empty object is read as no bytes")
        expect([i.key for i in await list_all(adapter)] == [K1], "an empty object is listed")


@storage_kit.case
async def reads_exactly_the_range(h: StorageHarness) -> None:
    """A range is half-open; a stop beyond the end is cut; a start beyond it is invalid_argument."""
    async with opened(h) as adapter:
        size = LARGEST_PIECE + 1000
        body = a_body(size)
        await put(adapter, K1, body)
        edges = (0, 1, 2, 999, LARGEST_PIECE - 1, LARGEST_PIECE, LARGEST_PIECE + 1, size - 1, size)
        for start in edges:
            for stop in (*(edge for edge in edges if edge >= start), size + 1, size * 2, None):
                got = await get(adapter, K1, range=ByteRange(start, stop))
                expect(got == body[start:stop], f"bytes {start} to {stop} of {size} are exactly these")
        for start in (size + 1, size * 3):
            with expect_error(ErrorCode.INVALID_ARGUMENT):
                await get(adapter, K1, range=ByteRange(start))
        async with aclosing(adapter.read(K1, range=ByteRange(5, 6))) as reader:
            await read_all(reader)
            expect(reader.info.stored_size == size, "a reader's info tells the size of the whole object")
        await put(adapter, K2, b"")
        expect(await get(adapter, K2, range=ByteRange(0, 5)) == b"", "an empty object has the range from 0")
        with expect_error(ErrorCode.INVALID_ARGUMENT):
            await get(adapter, K2, range=ByteRange(1))


@storage_kit.case
async def never_mixes_two_objects(h: StorageHarness) -> None:
    """An object that is replaced or deleted while it is read comes out whole, or the read is a conflict."""
    async with opened(h) as adapter, opened(h) as other:
        old, new = a_body(2 * LARGEST_PIECE + 7, seed=1), a_body(2 * LARGEST_PIECE + 7, seed=2)
        for replaced in (True, False):
            await put(adapter, K1, old, replace=True)
            async with aclosing(adapter.read(K1)) as reader:
                first = await reader.read(bytes)
                if replaced:
                    await put(other, K1, new, replace=True)
                else:
                    await other.delete(K1)
                try:
                    got: bytes | None = (first or b"") + await read_all(reader)
                except AegisError as error:
                    expect(error.code is ErrorCode.CONFLICT, "an object that changed while it was read is a conflict")
                    got = None
            expect(got in (old, None), "pieces of two objects are never mixed")
            expect(await find(adapter, K1) == (new if replaced else None), "the next read sees the new state")
