"""A thread hop costs more than a small object: promises about how many there are."""

import anyio.to_thread
import pytest

from aegis_core.storage.model import LARGEST_PIECE

MIB = 1 << 20


@pytest.fixture
def hops(monkeypatch):
    """Names of the functions that ran in a worker thread."""
    seen = []
    original = anyio.to_thread.run_sync

    async def run_sync(func, *args, **options):
        seen.append(func)
        return await original(func, *args, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", run_sync)
    return seen


async def count(hops, work):
    hops.clear()
    await work
    return len(hops)


async def one_at_a_time(body):
    yield body


@pytest.mark.anyio
@pytest.mark.parametrize(("size", "expected"), [(0, 1), (10, 1), (MIB, 1), (MIB + 1, 2), (5 * MIB, 5)])
async def test_bytes_are_sealed_and_published_in_one_hop_a_mebibyte(size, expected, folder, opened, hops):
    async with opened(folder) as storage:
        body = bytes(size)
        assert await count(hops, storage.upload("bytes", body)) == expected
        assert await count(hops, storage.upload("async", one_at_a_time(body))) == expected


@pytest.mark.anyio
@pytest.mark.parametrize(("size", "expected"), [(10, 1), (MIB, 1), (5 * MIB, 5)])
async def test_a_file_is_read_in_the_hop_that_writes_and_costs_one_more_to_open_and_close(
    size, expected, folder, opened, hops, tmp_path
):
    path = tmp_path / "source"
    path.write_bytes(bytes(size))
    async with opened(folder) as storage:
        assert await count(hops, storage.upload("path", path)) == expected + 2


@pytest.mark.anyio
async def test_an_iterator_costs_one_more_hop_to_see_its_end(folder, opened, hops):
    async with opened(folder) as storage:
        assert await count(hops, storage.upload("small", iter([b"x"]))) == 2
        assert await count(hops, storage.upload("large", (bytes(MIB // 4) for _ in range(17)))) == 5 + 1


@pytest.mark.anyio
@pytest.mark.parametrize(("size", "expected"), [(0, 1), (10, 1), (MIB, 1), (5 * MIB, 5)])
async def test_an_object_is_read_and_opened_in_one_hop_a_mebibyte(size, expected, folder, opened, hops):
    async with opened(folder) as storage:
        await storage.upload("a", bytes(size))
        assert await count(hops, storage.download("a")) == expected
        assert await count(hops, storage.stat("a")) <= 2
        assert await count(hops, storage.delete("a")) <= 3


@pytest.mark.anyio
async def test_an_adapter_reads_and_writes_in_one_hop(folder, hops):
    await folder.open()
    writer = folder.write("_/a", replace=False)
    assert await count(hops, writer.write(lambda: [bytes(LARGEST_PIECE)])) == 0
    assert await count(hops, writer.commit()) == 1
    assert await count(hops, writer.aclose()) == 0
    reader = folder.read("_/a")
    assert await count(hops, reader.read(len)) == 1
    assert await count(hops, reader.read(len)) == 0
    assert await count(hops, reader.aclose()) == 0
    assert await count(hops, folder.stat("_/a")) == 1
    assert await count(hops, folder.list("")) == 1
    assert await count(hops, folder.delete("_/a")) == 1
