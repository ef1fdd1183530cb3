"""Storage adapters: conditions of writing and deleting."""

from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.storage.model import Key, Match, Replace
from aegis_core.storage.port import StorageAdapter
from aegis_core.testing.kit import NotChecked, expect, expect_error
from aegis_core.testing.kits.storage_harness import (
    K1,
    K2,
    MIB,
    StorageHarness,
    a_body,
    agrees,
    get,
    is_absent,
    list_all,
    nothing_left,
    opened,
    put,
    storage_kit,
)


@storage_kit.case
async def says_not_found(h: StorageHarness) -> None:
    """What does not exist is not_found: at `stat`, and at the first read, not before."""
    async with opened(h) as adapter:
        await is_absent(adapter, K1)
        await put(adapter, Key("_/kit/one/below"), b"x")
        await is_absent(adapter, K1)
        await put(adapter, K2, b"x")
        await is_absent(adapter, Key("_/kit/two/below"))
        reader = adapter.read(K1)
        with expect_error(ErrorCode.NOT_FOUND):
            await reader.read(bytes)
        await reader.aclose()


@storage_kit.case(needs="create")
async def creates_only_what_is_absent(h: StorageHarness) -> None:
    """`replace=False` creates, and is already_exists where something is, which stays as it was."""
    async with opened(h) as adapter:
        first = await put(adapter, K1, b"first", replace=False)
        with expect_error(ErrorCode.ALREADY_EXISTS):
            await put(adapter, K1, b"second", replace=False)
        expect(await get(adapter, K1) == b"first", "a refused creation changes nothing")
        expect(agrees(h, await adapter.stat(K1), first), "a refused creation changes no etag")
        await nothing_left(h)
        await adapter.delete(K1)
        await put(adapter, K1, b"third", replace=False)
        expect(await get(adapter, K1) == b"third", "what was deleted can be created again")


@storage_kit.case(needs="create")
async def lets_one_of_many_creators_win(h: StorageHarness) -> None:
    """Of N racers that create one wins, and the rest get already_exists."""
    async with opened(h) as adapter, opened(h) as other:
        for turn in range(5):
            key = Key(f"_/race/{turn}")
            won = await _race(key, (adapter, other), replace=False, lost=ErrorCode.ALREADY_EXISTS)
            expect(await get(adapter, key) == won, "the winner's object is there")
        await nothing_left(h)


async def _race(key: Key, adapters: Sequence[StorageAdapter], *, replace: Replace, lost: ErrorCode) -> bytes:
    bodies = [a_body(3000, seed=n) for n in range(8)]
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
    async with opened(h) as adapter:
        for body in (b"one", b"", a_body(MIB + 1)):
            await put(adapter, K1, body, replace=True)
            expect(await get(adapter, K1) == body, "the object is the one written last")
        expect(len(await list_all(adapter)) == 1, "one key is one object")
        await nothing_left(h)


@storage_kit.case(needs="match")
async def replaces_only_what_matches(h: StorageHarness) -> None:
    """A `Match` replaces the object with that etag; a moved etag, and nothing there, are precondition_failed."""
    async with opened(h) as adapter:
        first = await put(adapter, K1, b"first")
        second = await put(adapter, K1, b"second", replace=Match(first.etag))
        expect(await get(adapter, K1) == b"second", "the matching object was replaced")
        for stale in (first.etag, "", "no etag of ours", second.etag + "0"):
            with expect_error(ErrorCode.PRECONDITION_FAILED):
                await put(adapter, K1, b"third", replace=Match(stale))
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await put(adapter, K2, b"third", replace=Match(second.etag))
        await is_absent(adapter, K2)
        expect(await get(adapter, K1) == b"second", "a failed precondition changes nothing")
        await nothing_left(h)


@storage_kit.case(needs="match")
async def lets_one_of_many_replacers_win(h: StorageHarness) -> None:
    """Of N racers with one `Match` one wins, and the rest get precondition_failed."""
    async with opened(h) as adapter, opened(h) as other:
        for turn in range(5):
            key = Key(f"_/race/{turn}")
            info = await put(adapter, key, b"old")
            won = await _race(key, (adapter, other), replace=Match(info.etag), lost=ErrorCode.PRECONDITION_FAILED)
            expect(await get(adapter, key) == won, "the winner's object is there")
        await nothing_left(h)


@storage_kit.case(without="create")
async def refuses_to_create_if_it_cannot(h: StorageHarness) -> None:
    """Without the capability `create`, `replace=False` raises UnsupportedCapability, and nothing is published."""
    await _must_refuse(h, False, "create")


@storage_kit.case(without="match")
async def refuses_to_match_if_it_cannot(h: StorageHarness) -> None:
    """Without the capability `match`, a `Match` raises UnsupportedCapability, and nothing changes."""
    await _must_refuse(h, Match("some etag"), "match")
    async with opened(h) as adapter:
        info = await put(adapter, K2, b"x", replace=True)
        await _refused("match", adapter.delete(K2, only=Match(info.etag)))
        expect(await get(adapter, K2) == b"x", "a refused deletion changes nothing")


async def _must_refuse(h: StorageHarness, replace: Replace, capability: str) -> None:
    async with opened(h) as adapter:

        async def attempt() -> None:
            await put(adapter, K1, b"x", replace=replace)

        await _refused(capability, attempt())
        await is_absent(adapter, K1)
        await nothing_left(h)


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
    async with opened(h) as adapter, opened(h) as other:
        seen: set[str] = set()
        for turn in range(12):
            writer = adapter if turn % 2 else other
            info = await put(writer, K1, b"same bytes", replace=True)
            expect(info.etag and info.etag not in seen, "an etag is new with every write")
            seen.add(info.etag)
            expect((await adapter.stat(K1)).etag == info.etag, "`stat` shows the etag of the last write")
            expect((await list_all(adapter))[0].etag == info.etag, "a listing shows the etag of the last write")
            if turn % 3 == 2:
                await adapter.delete(K1)


@storage_kit.case
async def deletes(h: StorageHarness) -> None:
    """`delete` removes one object; of nothing it is no error."""
    async with opened(h) as adapter, opened(h) as other:
        for key in (K1, K2, Key("_/kit/one/below")):
            await put(adapter, key, b"x")
        await adapter.delete(K1)
        await is_absent(other, K1)
        await adapter.delete(K1)
        await adapter.delete(Key("_/never/was"))
        await adapter.delete(Key("_/kit/two/never"))
        left = [info.key for info in await list_all(other)]
        expect(left == ["_/kit/one/below", "_/kit/two"], "`delete` removes nothing else")


@storage_kit.case(needs="match")
async def deletes_only_what_matches(h: StorageHarness) -> None:
    """`delete` with `only` removes the object with that etag; another one, or none, is precondition_failed."""
    async with opened(h) as adapter:
        first = await put(adapter, K1, b"x")
        second = await put(adapter, K1, b"x", replace=True)
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await adapter.delete(K1, only=Match(first.etag))
        expect(await get(adapter, K1) == b"x", "a failed precondition deletes nothing")
        await adapter.delete(K1, only=Match(second.etag))
        await is_absent(adapter, K1)
        with expect_error(ErrorCode.PRECONDITION_FAILED):
            await adapter.delete(K1, only=Match(second.etag))


@storage_kit.case(needs="largest")
async def refuses_what_is_too_large(h: StorageHarness) -> None:
    """An object of more than `largest` bytes is resource_exhausted, and nothing is published."""
    largest = h.capabilities.largest or 0
    if largest > 16 * MIB:
        raise NotChecked("a kit must not fill somebody's bucket")
    async with opened(h) as adapter:
        await put(adapter, K1, bytes(largest), replace=True)
        with expect_error(ErrorCode.RESOURCE_EXHAUSTED):
            await put(adapter, K2, bytes(largest + 1), replace=True)
        await is_absent(adapter, K2)
        await nothing_left(h)
