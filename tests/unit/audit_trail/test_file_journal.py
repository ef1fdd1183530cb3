import errno
import os
import warnings
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from aegis_core.audit.port import Entry
from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem import segments
from aegis_core.local.filesystem.audit import FileAudit, from_url
from aegis_core.local.filesystem.segments import flush
from aegis_core.local.memory.audit import from_url as memory_from_url
from aegis_core.local.sqlite.audit import SqliteAudit
from aegis_core.testing.kits.audit import make_entries

pytestmark = pytest.mark.anyio


async def opened(root: Path, **options) -> FileAudit:
    sink = FileAudit(root, **options)
    await sink.open()
    return sink


async def all_of(sink) -> list[Entry]:
    return list(await sink.read(0, 1000))


def last_segment(root: Path) -> Path:
    return max(root.glob("journal/*.segment"))


async def test_a_batch_that_was_cut_anywhere_is_cut_off_whole(tmp_path):
    sink = await opened(tmp_path)
    entries = make_entries(5)
    await sink.append(entries[:2], expected_size=0)
    whole = last_segment(tmp_path).stat().st_size
    await sink.append(entries[2:], expected_size=2)
    await sink.aclose()
    content = last_segment(tmp_path).read_bytes()
    for cut in range(whole, len(content), 5):
        last_segment(tmp_path).write_bytes(content[:cut])
        sink = await opened(tmp_path)
        assert await all_of(sink) == entries[:2]
        assert (await sink.health()).facts["torn"] == (cut > whole)
        await sink.append(entries[2:3], expected_size=2)
        await sink.aclose()
        sink = await opened(tmp_path)
        assert await all_of(sink) == entries[:3]
        await sink.aclose()


async def test_blocks_that_never_reached_the_disk_are_a_torn_tail(tmp_path):
    sink = await opened(tmp_path)
    entries = make_entries(20, size=300)
    await sink.append(entries[:2], expected_size=0)
    whole = last_segment(tmp_path).stat().st_size
    await sink.append(entries[2:], expected_size=2)
    await sink.aclose()
    content = bytearray(last_segment(tmp_path).read_bytes())
    content[2048:2560] = bytes(512)
    last_segment(tmp_path).write_bytes(content)
    sink = await opened(tmp_path)
    assert await all_of(sink) == entries[:2]
    await sink.aclose()
    last_segment(tmp_path).write_bytes(content[:whole] + bytes(3000))
    sink = await opened(tmp_path)
    assert await all_of(sink) == entries[:2]
    await sink.aclose()


async def test_every_changed_byte_is_an_integrity_error_that_names_an_entry(tmp_path):
    sink = await opened(tmp_path)
    entries = make_entries(6, size=30)
    for start in (0, 2, 4):
        await sink.append(entries[start : start + 2], expected_size=start)
    await sink.aclose()
    content = last_segment(tmp_path).read_bytes()
    for at in range(0, len(content), 3):
        changed = bytearray(content)
        changed[at] ^= 0x10
        last_segment(tmp_path).write_bytes(changed)
        sink = FileAudit(tmp_path)
        try:
            await sink.open()
        except AegisError as error:
            assert error.code is ErrorCode.INTEGRITY
            assert error.message.startswith("entry ")
        else:
            # A length in the last batch's header may claim more than there is, which a cut write does as well; then
            # only that batch is cut, and the checkpoint tells.
            assert await all_of(sink) == entries[:4]
            await sink.aclose()
        last_segment(tmp_path).write_bytes(content)


async def test_a_journal_of_many_segments_is_one_log(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_SIZE", 2000)
    one, other = await opened(tmp_path), await opened(tmp_path)
    entries = make_entries(200, size=100)
    for start in range(0, 200, 8):
        await (one if start % 3 else other).append(entries[start : start + 8], expected_size=start)
    assert len(list(tmp_path.glob("journal/*.segment"))) > 8
    for sink in (one, other, await opened(tmp_path)):
        assert await all_of(sink) == entries
        assert list(await sink.read(37, 111)) == entries[37:111]
        assert await sink.find(entries[150].id) == 150
        await sink.aclose()


async def test_a_segment_whose_header_was_cut_is_begun_again(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_SIZE", 100)
    sink = await opened(tmp_path)
    entries = make_entries(3)
    await sink.append(entries[:2], expected_size=0)
    await sink.aclose()
    (tmp_path / "journal" / "000000000001.segment").write_bytes(b"AEGIS")
    sink = await opened(tmp_path)
    await sink.append(entries[2:], expected_size=2)
    await sink.aclose()
    sink = await opened(tmp_path)
    assert await all_of(sink) == entries
    await sink.aclose()


async def test_a_failed_flush_is_final_for_its_segment(tmp_path):
    failing = False

    def sync(descriptor: int) -> None:
        if failing:
            raise OSError(errno.EIO, "the disk is gone")
        flush(descriptor)

    sink, other = await opened(tmp_path, sync=sync), await opened(tmp_path)
    entries = make_entries(4)
    await sink.append(entries[:2], expected_size=0)
    failing = True
    with pytest.raises(OSError, match="the disk is gone") as caught:
        await sink.append(entries[2:], expected_size=2)
    assert sink.classify(caught.value) in {ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
    assert (await sink.health()).state == "degraded"
    assert await other.size() == 2
    failing = False
    await sink.append(entries[2:], expected_size=2)
    assert [file.name for file in sorted(tmp_path.glob("journal/*.segment"))] == [
        "000000000000.segment",
        "000000000001.segment",
    ]
    assert await all_of(other) == entries
    assert (await sink.health()).state != "down"
    await sink.aclose()
    await other.aclose()
    sink = await opened(tmp_path)
    assert await all_of(sink) == entries
    await sink.aclose()


async def test_a_full_disk_stores_nothing_and_breaks_nothing(tmp_path, monkeypatch):
    sink = await opened(tmp_path)
    entries = make_entries(40, size=200)
    await sink.append(entries[:2], expected_size=0)
    pwrite = os.pwrite

    def full(descriptor, data, offset):
        if len(data) > 1000:
            return pwrite(descriptor, bytes(data)[:1000], offset)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="full") as caught:
        await sink.append(entries[2:], expected_size=2)
    assert sink.classify(caught.value) is ErrorCode.RESOURCE_EXHAUSTED
    monkeypatch.setattr(os, "pwrite", pwrite)
    assert await all_of(sink) == entries[:2]
    await sink.append(entries[2:], expected_size=2)
    assert await all_of(sink) == entries
    await sink.aclose()


async def test_what_another_process_left_unflushed_is_flushed_before_it_is_built_upon(tmp_path):
    entries = make_entries(2)
    writer = await opened(tmp_path, sync=lambda _: None)
    await writer.append(entries, expected_size=0)
    flushed = []

    def sync(descriptor: int) -> None:
        flush(descriptor)
        flushed.append(os.fstat(descriptor).st_size)

    reader = await opened(tmp_path, sync=sync)
    assert list(await reader.append(entries, expected_size=0)) == [0, 1]
    assert last_segment(tmp_path).stat().st_size in flushed
    await writer.aclose()
    await reader.aclose()


def size_of(held) -> int:
    return held.execute("SELECT count(*) FROM entries").fetchone()[0] if hasattr(held, "execute") else held.size


@pytest.mark.parametrize("make", [FileAudit, lambda root: SqliteAudit(root / "trail.db")], ids=["file", "sqlite"])
async def test_after_a_fork_the_child_must_open_again(tmp_path, make, anyio_backend):
    if anyio_backend == "trio":
        pytest.skip("the child runs no loop; once is enough")
    sink = make(tmp_path)
    await sink.open()
    entries = make_entries(2)
    await sink.append(entries[:1], expected_size=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork of a process with threads
        child = os.fork()
    if not child:
        status = 1
        try:
            try:
                sink._with(lambda _: None)
            except ForkedError:
                sink._open()
                if sink._with(size_of) == 1:
                    status = 0
        finally:
            os._exit(status)
    _, status = await anyio.to_thread.run_sync(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    await sink.append(entries[1:], expected_size=1)
    assert await all_of(sink) == entries
    await sink.aclose()


async def test_only_its_owner_may_read_the_journal(tmp_path):
    sink = await opened(tmp_path / "audit")
    await sink.append(make_entries(1), expected_size=0)
    assert (tmp_path / "audit/journal").stat().st_mode & 0o777 == 0o700
    assert last_segment(tmp_path / "audit").stat().st_mode & 0o777 == 0o600
    await sink.aclose()


async def test_urls_name_a_path_and_nothing_else(tmp_path):
    deps = AdapterDeps()
    sink = from_url(ServiceUrl.parse(f"file://{tmp_path}/audit"), deps)
    await sink.open()
    assert (tmp_path / "audit/journal").is_dir()
    await sink.aclose()
    for url in ("file://host/x", "file:", "file:x?mode=fast"):
        with pytest.raises(SettingsError):
            from_url(ServiceUrl.parse(url), deps)
    with pytest.raises(SettingsError):
        memory_from_url(ServiceUrl.parse("memory:"), AdapterDeps(environment="production"))


async def test_bytes_of_the_first_release_are_read_and_written(tmp_path):
    golden = bytes.fromhex(
        # header: magic, index of the first entry, checksum
        "41454749534a0001 0000000000000000 e3c4f26e"
        # batch: magic, entries, length, index of the first, checksum
        "414a4231 00000002 00000035 0000000000000000 6aa0bc70"
        # frames: length, id, body, checksum
        "00000002 00000000000000000000000000000001 7b7d 84a608c6"
        "00000003 00000000000000000000000000000002 616263 ba649934"
    )
    entries = [Entry(UUID(int=1), b"{}"), Entry(UUID(int=2), b"abc")]
    (tmp_path / "old/journal").mkdir(parents=True)
    (tmp_path / "old/journal/000000000000.segment").write_bytes(golden)
    sink = await opened(tmp_path / "old")
    assert await all_of(sink) == entries
    await sink.aclose()
    sink = await opened(tmp_path / "new")
    await sink.append(entries, expected_size=0)
    await sink.aclose()
    assert (tmp_path / "new/journal/000000000000.segment").read_bytes() == golden
