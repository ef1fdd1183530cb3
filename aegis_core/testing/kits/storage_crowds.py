"""Storage adapters: cancellation, and many tasks at once."""

from contextlib import aclosing

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from aegis_core.storage.model import LARGEST_PIECE, Key
from aegis_core.storage.port import Writer
from aegis_core.testing.interrupt import every_wait
from aegis_core.testing.kit import expect
from aegis_core.testing.kits.storage_harness import (
    K1,
    K2,
    StorageHarness,
    a_body,
    find,
    get,
    list_all,
    nothing_left,
    opened,
    put,
    read_all,
    storage_kit,
    together,
)


@storage_kit.case
async def survives_cancellation_at_every_wait(h: StorageHarness) -> None:
    """Cancelled at every await, a write leaves the old state or the new, and no part once `aclose` is done."""
    old, new = b"old", a_body(5000, seed=3)
    async with opened(h) as adapter, opened(h) as other:
        for replace in (False, True) if h.capabilities.create else (True,):
            before = None if replace is False else old
            for step in every_wait():
                await other.delete(K1)
                if before is not None:
                    await put(other, K1, before, replace=True)
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
                found = await find(other, K1)
                expect(found in (before, new), "a cancelled write leaves the old state or the new")
                expect(found == new or not step.done, "a write that came through is there")
                await nothing_left(h)
                await put(other, K1, b"after", replace=True)


@storage_kit.case
async def stays_whole_when_other_calls_are_cancelled(h: StorageHarness) -> None:
    """Cancelled at every await, reading, listing and deleting break nothing."""
    async with opened(h) as adapter:
        body = a_body(LARGEST_PIECE + 9)
        await put(adapter, K1, body, replace=True)

        async def read() -> None:
            async with aclosing(adapter.read(K1)) as reader:
                expect(await read_all(reader) == body, "an undisturbed read is whole")

        async def look() -> None:
            await adapter.stat(K1)
            await adapter.list("_/")

        async def remove() -> None:
            await adapter.delete(K2)

        for work in (read, look, remove):
            for step in every_wait():
                await put(adapter, K2, b"x", replace=True)
                await step.run(work)
                expect(await find(adapter, K1) == body, "the object is whole after a cancelled call")
                expect(await find(adapter, K2) in (b"x", None), "the old state or the new")
        expect(await find(adapter, K2) is None, "a deletion that came through is done")


@storage_kit.case
async def serves_many_tasks_at_once(h: StorageHarness) -> None:
    """It is safe to use from many tasks at once."""
    async with opened(h) as adapter:

        async def work(number: int) -> None:
            key = Key(f"_/crowd/{number % 3}/{number}")
            body = a_body(1000 + number, seed=number)
            for _ in range(3):
                await put(adapter, key, body, replace=True)
                expect(await get(adapter, key) == body, "each task reads what it wrote")
                await adapter.delete(key)
            await put(adapter, key, body, replace=True)

        await together([lambda n=n: work(n) for n in range(12)])  # type: ignore[misc]
        expect(len(await list_all(adapter, "_/crowd/")) == 12, "every task's object is there")
        await nothing_left(h)
