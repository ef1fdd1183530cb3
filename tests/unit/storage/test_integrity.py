import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryReader, MemoryStorage
from aegis_core.storage.model import ByteRange

CHUNK = 16_384


async def code_of(storage, key, **options):
    with pytest.raises(AegisError) as caught:
        await storage.download(key, **options)
    return caught.value.code


@pytest.mark.anyio
async def test_every_changed_byte_is_found(opened, stored, overwrite):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        body = bytes(2 * CHUNK + 5)
        await storage.upload("a", body)
        (sealed,) = (await stored(adapter)).values()
        head = sealed.index(b"}") + 1
        places = [*range(head + 56), *range(head + 56, len(sealed), 997), *range(len(sealed) - 30, len(sealed))]
        for place in places:
            changed = bytearray(sealed)
            changed[place] ^= 1
            await overwrite(adapter, "_/a", bytes(changed))
            assert await code_of(storage, "a") is ErrorCode.INTEGRITY, place


@pytest.mark.anyio
async def test_every_cut_is_found_and_so_is_what_was_added(opened, stored, overwrite):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(2 * CHUNK))
        (sealed,) = (await stored(adapter)).values()
        for length in [0, 5, 10, 100, 200, 300, len(sealed) - 16, len(sealed) - 16 - 16_400, len(sealed) - 1]:
            await overwrite(adapter, "_/a", sealed[:length])
            assert await code_of(storage, "a") is ErrorCode.INTEGRITY, length
            assert await code_of(storage, "a", range=ByteRange(1)) is ErrorCode.INTEGRITY, length
        await overwrite(adapter, "_/a", sealed + b"\0")
        assert await code_of(storage, "a") is ErrorCode.INTEGRITY


@pytest.mark.anyio
async def test_a_cut_is_no_end_for_a_range_that_starts_behind_it(opened, stored, overwrite):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(3 * CHUNK))
        (sealed,) = (await stored(adapter)).values()
        await overwrite(adapter, "_/a", sealed[: -16 - 16_400 + 100])  # its third chunk looks like a last
        assert await code_of(storage, "a", range=ByteRange(2 * CHUNK + 500)) is ErrorCode.INTEGRITY
        assert await code_of(storage, "a", range=ByteRange(2 * CHUNK)) is ErrorCode.INTEGRITY
        assert await storage.download("a", range=ByteRange(5, 10)) == bytes(5)


@pytest.mark.anyio
async def test_only_authentic_chunks_are_released_and_the_failure_is_on_record(opened, stored, overwrite, trail):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        body = bytes(range(256)) * 16_384  # four mebibytes
        await storage.upload("a", body)
        (sealed,) = (await stored(adapter)).values()
        changed = bytearray(sealed)
        changed[-100_000] ^= 1
        await overwrite(adapter, "_/a", bytes(changed))
        trail.events.clear()
        got = bytearray()
        with pytest.raises(AegisError) as caught:
            async with storage.open("a") as reader:
                async for chunk in reader:
                    got += chunk
        assert caught.value.code is ErrorCode.INTEGRITY
        assert 3 << 20 <= len(got) < len(body)
        assert body.startswith(got)
        assert trail.told == [("storage.read", "success"), ("storage.read", "failed")]
        began, failed = trail.events
        assert failed.object_id == began.object_id
        assert failed.event_id != began.event_id
        assert failed.reason == "integrity"


@pytest.mark.anyio
async def test_an_object_that_was_copied_to_another_key_does_not_open_there(adapter, opened, stored, overwrite):
    async with opened(adapter) as storage:
        await storage.upload("a", b"mine")
        with using(Context(tenant="eu")):
            await storage.upload("a", b"of the eu")
        sealed = await stored(adapter)
        await overwrite(adapter, "_/b", sealed["_/a"])
        await overwrite(adapter, "_/c", sealed["eu/a"])
        assert await code_of(storage, "b") is ErrorCode.INTEGRITY
        assert await code_of(storage, "c") is ErrorCode.INTEGRITY
        with pytest.raises(AegisError) as caught:
            await storage.move("b", "d")
        assert caught.value.code is ErrorCode.INTEGRITY
        assert await code_of(storage, "d") is ErrorCode.NOT_FOUND


@pytest.mark.anyio
async def test_another_keyring_opens_nothing(adapter, opened):
    async with opened(adapter) as storage:
        await storage.upload("a", b"sealed")
    async with Keyring(MemoryVault(), MemoryState()) as other, opened(adapter, keyring=other) as storage:
        assert await code_of(storage, "a") is ErrorCode.INTEGRITY
        from aegis_core.crypto.model import KeyPurpose

        await other.active(KeyPurpose.WRAP)  # a key of the same id, and not the same
        assert await code_of(storage, "a") is ErrorCode.INTEGRITY


@pytest.mark.anyio
async def test_objects_stay_readable_after_the_ring_was_rotated_and_read_anew(adapter, opened):
    from aegis_core.crypto.model import KeyPurpose

    vault, state = MemoryVault(), MemoryState()
    async with Keyring(vault, state) as ring, opened(adapter, keyring=ring) as storage:
        await storage.upload("old", b"under the first key")
        await ring.rotate(KeyPurpose.WRAP)
        await storage.upload("new", b"under the second")
    async with Keyring(vault, state) as ring, opened(adapter, keyring=ring) as storage:
        assert await storage.download("old") == b"under the first key"
        assert await storage.download("new") == b"under the second"


@pytest.mark.anyio
async def test_what_cannot_be_read_can_be_deleted(adapter, opened, overwrite, trail):
    async with opened(adapter) as storage:
        await overwrite(adapter, "_/a", b"not ours")
        assert await code_of(storage, "a") is ErrorCode.INTEGRITY
        with pytest.raises(AegisError):
            await storage.stat("a")
        await storage.delete("a")
        assert [info.key async for info in storage.list()] == []
        assert trail.told == [("storage.deleted", "success")]


class ShortReader(MemoryReader):
    """A store that stops early, and thinks that this is the end."""

    async def read(self, take, /):
        if self._at >= 1 << 20:
            return None
        return await super().read(take)


@pytest.mark.anyio
async def test_a_store_that_stops_early_is_found_at_the_end(opened):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(4 << 20))
        adapter.read = lambda key, /, *, range=None: ShortReader(adapter, key, range)
        assert await code_of(storage, "a") is ErrorCode.INTEGRITY
        assert await code_of(storage, "a", range=ByteRange(5)) is ErrorCode.INTEGRITY
        assert await code_of(storage, "a", range=ByteRange(5, 3 << 20)) is ErrorCode.INTEGRITY


@pytest.mark.anyio
@pytest.mark.parametrize("size", [100_000, 10])
async def test_an_object_that_is_replaced_between_its_head_and_its_range_is_a_conflict(size, adapter, opened):
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(100_000))
        read = adapter.read
        calls = []

        async def replace_first(reader, take):
            if len(calls) == 2:
                await storage.upload("a", bytes(size), replace=True)
            return await type(reader).read(reader, take)

        def reading(key, /, *, range=None):
            calls.append(range)
            reader = read(key, range=range)
            reader.read = lambda take: replace_first(reader, take)
            return reader

        adapter.read = reading
        assert await code_of(storage, "a", range=ByteRange(50_000, 60_000)) is ErrorCode.CONFLICT
