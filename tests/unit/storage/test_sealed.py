"""Objects as their store holds them: nothing is opened, the name is sealed, and the copying is on record first."""

import anyio
import pytest

from aegis_core.crypto.envelope import Envelope
from aegis_core.crypto.fields import open_field
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.stream import Opener, Span
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.sealed import name_context
from aegis_core.storage.service import Storage

pytestmark = pytest.mark.anyio

SECRET = b"Somchai Jaidee is positive. "


async def copied(storage, key):
    async with storage.sealed(key) as reader:
        body = b"".join([piece async for piece in reader])
        return body, reader.info, reader.object_id, reader.sealed_name


@pytest.mark.parametrize("size", [0, 1, 16384, 100_000, 3 << 20])
async def test_the_bytes_are_the_stores_own_and_open_with_the_tenants_key_alone(adapter, opened, stored, size):
    plain = (SECRET * (size // len(SECRET) + 1))[:size]
    async with Keyring(MemoryVault(), MemoryState()) as ring, opened(adapter, keyring=ring) as storage:
        with using(Context(tenant="clinic-a")):
            await storage.upload("lab/Somchai 1.pdf", plain)
            body, info, object_id, name = await copied(storage, "lab/Somchai 1.pdf")
        (held,) = (await stored(adapter)).values()
        assert body == held
        assert SECRET not in body
        assert (info.size, info.stored_size, info.key) == (size, len(body), "lab/Somchai 1.pdf")
        # What somebody does who has the bytes, the sealed name and the key, and no store.
        ring_key = await ring.key(name.key_id)
        key = open_field(ring_key, name.box, context=name_context(object_id)).decode()
        assert key == "clinic-a/lab/Somchai%201.pdf"
        envelope, start = Envelope.decode(body)
        assert envelope.object_id == object_id
        opener = Opener(
            envelope.unwrap(await ring.key(envelope.wrapped[0].key_id), key=key),
            context=envelope.context("clinic-a"),
            header=body[start : start + 56],
            span=Span.of(len(body) - start),
            sealed_size=len(body) - start,
        )
        assert b"".join(bytes(piece) for piece in opener.open([memoryview(body)[start + 56 :]])) == plain
        opener.finish()


async def test_nothing_is_unwrapped_to_copy(adapter):
    vault, state = MemoryVault(), MemoryState()
    async with Keyring(vault, state) as ring, Storage(adapter, ring) as storage:
        await storage.upload("a", SECRET)
        asked = []
        find = ring.key
        ring.key = lambda key_id: asked.append(key_id) or find(key_id)
        cached = ring.cached
        ring.cached = lambda key_id: asked.append(key_id) or cached(key_id)
        await copied(storage, "a")
        assert asked == []


async def test_it_is_on_record_before_a_byte_is_released(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", SECRET)
        trail.events.clear()
        trail.held = True
        released = anyio.Event()

        async def copy():
            async with storage.sealed("a") as reader:
                await anext(reader)
                released.set()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(copy)
                while not trail.events:
                    await anyio.lowlevel.checkpoint()
                for _ in range(20):
                    await anyio.lowlevel.checkpoint()
                assert not released.is_set()
                assert trail.told == [("storage.copied", "success")]
                trail.release()
        assert released.is_set()

        trail.broken = AegisError(ErrorCode.UNAVAILABLE, "the trail is down")
        with pytest.raises(AegisError, match="the trail is down"):
            await copied(storage, "a")


async def test_what_is_no_object_of_ours_or_not_there_is_refused_before_a_byte(adapter, opened, folder, trail):
    async with opened(adapter) as storage:
        with pytest.raises(AegisError) as absent:
            await copied(storage, "nothing")
        assert absent.value.code is ErrorCode.NOT_FOUND
        with pytest.raises(AegisError) as wrong:
            storage.sealed("../up")
        assert wrong.value.code is ErrorCode.INVALID_ARGUMENT
        for body in (b"", b"x", b"AEGIS\x00\x01\x01", b"no envelope at all " * 100):
            writer = adapter.write("_/foreign", replace=True)
            await writer.write(lambda body=body: [body])
            await writer.commit()
            with pytest.raises(AegisError) as foreign:
                await copied(storage, "foreign")
            assert foreign.value.code is ErrorCode.INTEGRITY
        assert trail.events == []


async def test_a_reader_is_used_inside_its_block(adapter, opened):
    async with opened(adapter) as storage:
        await storage.upload("a", SECRET)
        reader = storage.sealed("a")
        for use in (lambda: reader.info, lambda: reader.object_id, lambda: reader.sealed_name):
            with pytest.raises(AegisError):
                use()
        async with reader:
            pass
        with pytest.raises(AegisError) as late:
            await anext(reader)
        assert late.value.code is ErrorCode.INVALID_ARGUMENT


class Short:
    """A store's reader that ends early."""

    def __init__(self, reader):
        self._reader = reader
        self.info = None
        self._pieces = 0

    async def read(self, take, /):
        self._pieces += 1
        if self._pieces > 1:
            return None
        found = await self._reader.read(take)
        self.info = self._reader.info
        return found

    async def aclose(self):
        await self._reader.aclose()


async def test_a_store_that_ends_early_is_told_of_and_on_record(adapter, opened, trail, monkeypatch):
    async with opened(adapter) as storage:
        await storage.upload("a", b"x" * (3 << 20))
        read = adapter.read
        monkeypatch.setattr(adapter, "read", lambda key, **options: Short(read(key, **options)))
        trail.events.clear()
        with pytest.raises(AegisError) as cut:
            await copied(storage, "a")
        assert cut.value.code is ErrorCode.INTEGRITY
        assert trail.told == [("storage.copied", "success"), ("storage.copied", "failed")]
