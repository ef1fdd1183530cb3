import os

import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError, UnsupportedCapability
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.storage.model import Match
from aegis_core.storage.port import StorageCapabilities
from aegis_core.storage.service import Storage


async def refused(work):
    with pytest.raises(AegisError) as caught:
        await work
    return caught.value.code


@pytest.mark.anyio
async def test_an_upload_creates_and_replaces_only_where_it_is_told_to(adapter, opened):
    async with opened(adapter) as storage:
        first = await storage.upload("a", b"first")
        assert await refused(storage.upload("a", b"second")) is ErrorCode.ALREADY_EXISTS
        assert await refused(storage.upload("a", b"second", replace=Match("x"))) is ErrorCode.PRECONDITION_FAILED
        assert await storage.download("a") == b"first"
        second = await storage.upload("a", b"second", replace=Match(first.etag))
        assert await refused(storage.upload("a", b"third", replace=Match(first.etag))) is ErrorCode.PRECONDITION_FAILED
        third = await storage.upload("a", b"third", replace=True)
        assert len({first.etag, second.etag, third.etag}) == 3
        assert await storage.download("a") == b"third"
        assert await storage.stat("a") == third


@pytest.mark.anyio
async def test_what_does_not_exist_is_not_found(adapter, opened):
    async with opened(adapter) as storage:
        for work in (storage.download("a"), storage.stat("a"), storage.move("a", "b")):
            assert await refused(work) is ErrorCode.NOT_FOUND
        await storage.delete("a")


@pytest.mark.anyio
async def test_a_path_from_elsewhere_is_refused_as_a_key(adapter, opened, tmp_path):
    async with opened(adapter) as storage:
        for key in ("../../etc/passwd", "/etc/passwd", "a/../../b", "..", "a\0"):
            for work in (
                storage.upload(key, b"x"),
                storage.download(key),
                storage.stat(key),
                storage.delete(key),
                storage.move(key, "a"),
                storage.move("a", key),
            ):
                assert await refused(work) is ErrorCode.INVALID_ARGUMENT
            with pytest.raises(AegisError):
                storage.open(key)
        with pytest.raises(AegisError):
            storage.list("../")
    assert {path.name for path in tmp_path.iterdir()} <= {"store"}


@pytest.mark.anyio
async def test_a_move_copies_the_sealed_bytes_under_a_new_envelope(adapter, opened, stored):
    async with opened(adapter) as storage:
        body = bytes(range(256)) * 10_000
        await storage.upload("a", body)
        (before,) = (await stored(adapter)).values()
        info = await storage.move("a", "dir/b")
        assert (info.key, info.size) == ("dir/b", len(body))
        after = await stored(adapter)
        assert list(after) == ["_/dir/b"]
        start = before.index(b"}") + 1
        assert after["_/dir/b"][start:] == before[start:]
        assert after["_/dir/b"][:start] != before[:start]
        assert await storage.download("dir/b") == body
        assert await refused(storage.download("a")) is ErrorCode.NOT_FOUND


@pytest.mark.anyio
async def test_a_move_replaces_only_where_it_is_told_to(adapter, opened):
    async with opened(adapter) as storage:
        await storage.upload("a", b"a")
        there = await storage.upload("b", b"b")
        assert await refused(storage.move("a", "b")) is ErrorCode.ALREADY_EXISTS
        assert await refused(storage.move("a", "a")) is ErrorCode.INVALID_ARGUMENT
        assert [await storage.download(key) for key in "ab"] == [b"a", b"b"]
        await storage.move("a", "b", replace=Match(there.etag))
        assert await storage.download("b") == b"a"


@pytest.mark.anyio
async def test_a_move_does_not_delete_what_replaced_its_source_meanwhile(opened, trail):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        await storage.upload("a", b"old")
        publish = adapter.publish

        def publish_and_lose_a_race(key, body, replace):
            info = publish(key, body, replace)
            publish("_/a", b"somebody else's", True)
            return info

        adapter.publish = publish_and_lose_a_race
        assert await refused(storage.move("a", "b")) is ErrorCode.PRECONDITION_FAILED
        assert await storage.download("b") == b"old"
        assert [info.key async for info in storage.list()] == ["a", "b"]
        assert trail.told[1:3] == [("storage.moved", "success"), ("storage.moved", "failed")]


@pytest.mark.anyio
async def test_each_tenant_sees_its_own(opened, stored):
    shared, theirs = MemoryStorage(), MemoryStorage()
    async with opened(shared, tenants={"us": theirs}) as storage:
        for tenant in (None, "eu", "us"):
            with using(Context(tenant=tenant)):
                await storage.upload("same", str(tenant).encode())
        for tenant in (None, "eu", "us"):
            with using(Context(tenant=tenant)):
                assert await storage.download("same") == str(tenant).encode()
                assert [info.key async for info in storage.list()] == ["same"]
        assert list(await stored(shared)) == ["_/same", "eu/same"]
        assert list(await stored(theirs)) == ["us/same"]


@pytest.mark.anyio
async def test_a_listing_gives_the_applications_keys_over_many_pages(adapter, opened):
    async with opened(adapter) as storage:
        keys = [f"x/{n:04}" for n in range(30)] + ["é", "y z", "x"]
        for key in keys:
            await storage.upload(key, b"")
        original = adapter.list

        async def short(prefix, /, *, after=None, limit=1000):
            return await original(prefix, after=after, limit=7)

        adapter.list = short
        assert {info.key async for info in storage.list()} == set(keys)
        assert [info.key async for info in storage.list("x/")] == keys[:30]
        assert [info.key async for info in storage.list("x/002")] == keys[20:30]
        listing = storage.list("x/")
        first = [(await anext(listing)).key for _ in range(10)]
        assert first + [info.key async for info in listing] == keys[:30]


@pytest.mark.anyio
async def test_nothing_works_before_it_is_open_and_everything_after(adapter):
    async with Keyring(MemoryVault(), MemoryState()) as ring:
        storage = Storage(adapter, ring)
        await storage.aclose()
        assert await refused(storage.upload("a", b"")) is ErrorCode.UNAVAILABLE
        with pytest.raises(AegisError, match="async with"):
            storage.open("a")
        with pytest.raises(AegisError, match="async with"):
            storage.list()
        async with storage:
            await storage.upload("a", b"")
        assert await refused(storage.download("a")) is ErrorCode.UNAVAILABLE
        async with storage:
            assert await storage.download("a") == b""


@pytest.mark.anyio
async def test_adapters_are_opened_once_and_closed_and_the_keyring_is_borrowed():
    calls = []

    class Told(MemoryStorage):
        def __init__(self, name, *, fails=False):
            super().__init__()
            self.name, self.fails = name, fails

        async def open(self):
            calls.append(f"open {self.name}")
            if self.fails:
                raise AegisError(ErrorCode.UNAVAILABLE, "down")

        async def aclose(self):
            calls.append(f"close {self.name}")

    ring = Keyring(MemoryVault(), MemoryState())
    one, two = Told("one"), Told("two")
    async with ring:
        async with Storage(one, ring, tenants={"x": two, "y": two, "z": one}):
            assert calls == ["open one", "open two"]
        assert calls[2:] == ["close two", "close one"]
        calls.clear()
        with pytest.raises(AegisError):
            async with Storage(one, ring, tenants={"x": Told("bad", fails=True), "y": two}):
                pytest.fail("it opened")
        assert calls == ["open one", "open bad", "close bad", "close one"]
        await ring.rotate(KeyPurpose.WRAP)  # still open


@pytest.mark.anyio
async def test_an_adapter_of_another_backend_is_refused_at_open(anyio_backend):
    class Elsewhere(MemoryStorage):
        name = "elsewhere"
        backends = frozenset({"asyncio", "trio"}) - {anyio_backend}

    async with Keyring(MemoryVault(), MemoryState()) as ring:
        with pytest.raises(AegisError, match="elsewhere") as caught:
            await Storage(MemoryStorage(), ring, tenants={"t": Elsewhere()}).__aenter__()
        assert caught.value.code is ErrorCode.UNSUPPORTED


@pytest.mark.anyio
async def test_a_capability_that_is_not_declared_is_refused_by_name(opened, trail):
    class Plain(MemoryStorage):
        def __init__(self):
            super().__init__()
            self.capabilities = StorageCapabilities()

        def write(self, key, /, *, replace):
            if replace is not True:
                raise UnsupportedCapability("create", adapter=self.name)
            return super().write(key, replace=replace)

    async with opened(Plain()) as storage:
        with pytest.raises(UnsupportedCapability, match="create"):
            await storage.upload("a", b"x")
        assert trail.events == []
        await storage.upload("a", b"x", replace=True)
        await storage.move("a", "b", replace=True)
        assert [info.key async for info in storage.list()] == ["b"]


@pytest.mark.anyio
async def test_a_fork_must_open_its_own(adapter, opened, monkeypatch):
    async with opened(adapter) as storage:
        here = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: here + 1)
        with pytest.raises(ForkedError):
            await storage.stat("a")
        monkeypatch.undo()


@pytest.mark.anyio
async def test_a_reader_is_used_inside_its_block_only(adapter, opened):
    async with opened(adapter) as storage:
        await storage.upload("a", b"x")
        reader = storage.open("a")
        with pytest.raises(AegisError):
            _ = reader.info
        with pytest.raises(AegisError):
            await anext(reader)
        async with reader:
            assert reader.info.key == "a"
        with pytest.raises(AegisError):
            await anext(reader)


@pytest.mark.anyio
async def test_no_repr_shows_a_key(adapter, opened):
    async with opened(adapter) as storage:
        info = await storage.upload("Somchai", b"x")
        assert "Somchai" not in repr(info) + repr(storage.open("Somchai")) + repr(storage.list("Somchai"))
