from io import BytesIO, StringIO
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegis_core.crypto.stream import CHUNK_SIZE
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.storage.model import ByteRange

MIB = 1 << 20
SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 77]


def body_of(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


async def chunked(body, size):
    for start in range(0, len(body), size):
        yield body[start : start + size]


SOURCES = {
    "bytes": lambda body, path: body,
    "memoryview": lambda body, path: memoryview(body),
    "bytearray": lambda body, path: bytearray(body),
    "path": lambda body, path: path.write_bytes(body) * 0 or path,
    "iterator": lambda body, path: (body[i : i + 10_000] for i in range(0, len(body), 10_000)),
    "one-piece": lambda body, path: [body],
    "empty-pieces": lambda body, path: [b"", body[:3], b"", b"", body[3:], b""],
    "async": lambda body, path: chunked(body, 7_001),
    "file": lambda body, path: path.write_bytes(body) * 0 or path.open("rb"),
    "bytes-io": lambda body, path: BytesIO(body),
    "async-large": lambda body, path: chunked(body, 3 * MIB),
}


@pytest.mark.anyio
@pytest.mark.parametrize("kind", SOURCES)
async def test_every_source_comes_back_as_it_was(kind, adapter, opened, trail, tmp_path):
    async with opened(adapter) as storage:
        for size in SIZES:
            body = body_of(size)
            source = SOURCES[kind](body, tmp_path / "source")
            info = await storage.upload(f"x/{size}", source)
            if kind == "file":
                source.close()
            assert (info.key, info.size) == (f"x/{size}", size)
            assert await storage.download(f"x/{size}") == body
            assert await storage.stat(f"x/{size}") == info
            written = [event for event in trail.events if event.action == "storage.written"]
            assert written[-1].size == size


@pytest.mark.anyio
async def test_nothing_of_the_plaintext_or_the_names_of_keys_lies_in_the_store(adapter, opened, stored):
    async with opened(adapter) as storage:
        body = b"Somchai Jaidee, HIV positive. " * 5000
        await storage.upload("report", body)
        (sealed,) = (await stored(adapter)).values()
        assert b"Somchai" not in sealed
        assert b"HIV positive" not in sealed
        assert sealed.startswith(b"AEGIS\0\x01\x01")


@pytest.mark.anyio
async def test_two_uploads_of_the_same_bytes_share_nothing_but_their_length(opened, stored):
    adapter = MemoryStorage()
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(50_000))
        await storage.upload("b", bytes(50_000))
        one, other = (await stored(adapter)).values()
        assert len(one) == len(other)
        assert not {one[i : i + 16] for i in range(300, len(one), 16)} & {
            other[i : i + 16] for i in range(300, len(other), 16)
        }


@pytest.mark.anyio
async def test_chunks_come_as_they_are_opened(adapter, opened):
    async with opened(adapter) as storage:
        body = body_of(3 * MIB + 5)
        await storage.upload("a", body)
        async with storage.open("a") as reader:
            assert reader.info.size == len(body)
            chunks = [chunk async for chunk in reader]
        assert b"".join(chunks) == body
        assert max(map(len, chunks)) <= MIB


def test_any_range_is_the_slice(opened):
    body = body_of(5 * CHUNK_SIZE + 17)
    edges = st.integers(0, len(body)) | st.sampled_from(
        [k * CHUNK_SIZE + d for k in range(6) for d in (-1, 0, 1) if k or d >= 0]
    )

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.tuples(edges, edges).map(sorted), st.booleans())
    def check(pair, to_the_end):
        start, stop = pair
        stop = None if to_the_end else stop

        async def run():
            adapter = MemoryStorage()
            async with opened(adapter) as storage:
                await storage.upload("a", body)
                assert await storage.download("a", range=ByteRange(start, stop)) == body[start:stop]

        anyio.run(run)

    check()


@pytest.mark.anyio
@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1])
async def test_a_range_beyond_the_end_is_cut_and_one_that_starts_there_is_refused(size, adapter, opened):
    body = body_of(size)
    async with opened(adapter) as storage:
        await storage.upload("a", body)
        assert await storage.download("a", range=ByteRange(0, size + 100)) == body
        assert await storage.download("a", range=ByteRange(size)) == b""
        assert await storage.download("a", range=ByteRange(size, size + 1)) == b""
        with pytest.raises(AegisError) as caught:
            await storage.download("a", range=ByteRange(size + 1))
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(AegisError):
        ByteRange(-1)
    with pytest.raises(AegisError):
        ByteRange(2, 1)


@pytest.mark.anyio
async def test_download_refuses_more_than_it_may_hold_and_says_what_to_do(adapter, opened, trail):
    async with opened(adapter) as storage:
        await storage.upload("a", bytes(100))
        assert await storage.download("a", largest=100) == bytes(100)
        trail.events.clear()
        for options in ({"largest": 99}, {"largest": 9, "range": ByteRange(10, 20)}):
            with pytest.raises(AegisError, match=r"use open\(\)") as caught:
                await storage.download("a", **options)
            assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
        assert trail.events == []
        assert await storage.download("a", largest=10, range=ByteRange(10, 20)) == bytes(10)


@pytest.mark.anyio
@pytest.mark.parametrize("source", ["text", 7, [1, 2], ["text"], None, {"a": 1}, StringIO("text")])
async def test_what_is_no_source_is_refused_and_nothing_is_published(source, adapter, opened):
    async with opened(adapter) as storage:
        with pytest.raises(AegisError) as caught:
            await storage.upload("a", source)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert [info.key async for info in storage.list()] == []


@pytest.mark.anyio
@pytest.mark.parametrize("size", [10, 3 * MIB])
async def test_what_a_source_raises_comes_out_unchanged_and_nothing_is_published(size, adapter, opened):
    boom = LookupError("from the source")

    def broken():
        yield bytes(size)
        raise boom

    async def broken_async():
        yield bytes(size)
        raise boom

    async with opened(adapter) as storage:
        for source in (broken(), broken_async()):
            with pytest.raises(LookupError) as caught:
                await storage.upload("a", source)
            assert caught.value is boom
            assert [info.key async for info in storage.list()] == []


@pytest.mark.anyio
async def test_a_source_file_that_cannot_be_read_says_why_and_not_its_name(adapter, opened, tmp_path):
    async with opened(adapter) as storage:
        for path, code in ((tmp_path / "Somchai", ErrorCode.NOT_FOUND), (tmp_path, ErrorCode.INVALID_ARGUMENT)):
            with pytest.raises(AegisError) as caught:
                await storage.upload("a", Path(path))
            assert caught.value.code is code
            assert "Somchai" not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


@pytest.mark.anyio
async def test_files_opened_by_async_libraries_are_sources(adapter, opened, tmp_path, anyio_backend):
    body = body_of(2 * MIB + 9)
    (tmp_path / "source").write_bytes(body)
    async with opened(adapter) as storage:
        async with await anyio.open_file(tmp_path / "source", "rb") as file:
            await storage.upload("anyio", file)
        assert await storage.download("anyio") == body
        if anyio_backend == "asyncio":
            import aiofiles

            async with aiofiles.open(tmp_path / "source", "rb") as file:
                await storage.upload("aiofiles", file)
            assert await storage.download("aiofiles") == body


@pytest.mark.anyio
async def test_a_file_without_line_breaks_is_not_read_as_one_line(adapter, opened):
    class Watched(BytesIO):
        largest = 0

        def read(self, size=-1, /):
            self.largest = max(self.largest, size)
            return super().read(size)

        def __next__(self):
            pytest.fail("read line by line")

    async with opened(adapter) as storage:
        file = Watched(bytes(3 * MIB))
        await storage.upload("a", file)
        assert 0 < file.largest <= MIB
