import pytest

from aegis_core.audit.model import FindingKind
from aegis_core.audit.port import Entry
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.audit import FileAudit

from .conftest import ReportFiled, doctor

pytestmark = pytest.mark.anyio


async def filled(clinic, count: int = 300, sink=None):
    trail = await clinic.trail(clinic.memory if sink is None else sink)
    with doctor():
        for each in [trail.submit(ReportFiled(f"r{number}")) for number in range(count)]:
            await each
    await trail.checkpoint()
    return trail


def found(verdict, kind, index=None):
    return any(each.kind is kind and (index is None or each.index == index) for each in verdict.findings)


async def test_what_nobody_touched_is_intact(clinic):
    trail = await filled(clinic)
    verdict = await trail.verify()
    assert verdict.intact, verdict.findings
    assert (verdict.size, verdict.findings) == (300, ())


async def test_verifying_decrypts_nothing(clinic, monkeypatch):
    trail = await filled(clinic, 3)

    def refuse(*_):
        raise AssertionError("a key was used to open something")

    monkeypatch.setattr("aegis_core.audit.opening.open_field", refuse)
    monkeypatch.setattr("aegis_core.crypto.fields.open_field", refuse)
    assert (await trail.verify()).intact


@pytest.mark.parametrize("index", [0, 255, 256, 299])
async def test_a_changed_entry_of_the_primary_is_named(clinic, index):
    trail = await filled(clinic)
    entry = clinic.memory._entries[index]
    clinic.memory._entries[index] = Entry(entry.id, entry.body.replace(b'"pages":1', b'"pages":2'))
    verdict = await trail.verify()
    assert not verdict.intact
    assert found(verdict, FindingKind.ENTRY, index)


async def test_a_removed_an_added_and_a_swapped_entry_are_found(clinic):
    trail = await filled(clinic)
    entries = list(clinic.memory._entries)
    changed = {
        "removed": entries[:7] + entries[8:],
        "added": [*entries[:7], Entry(entries[0].id, entries[0].body), *entries[7:]],
        "swapped": [*entries[:7], entries[8], entries[7], *entries[9:]],
        "cut": entries[:-1],
    }
    for what, now in changed.items():
        clinic.memory._entries[:] = now
        verdict = await trail.verify()
        assert not verdict.intact, what
    clinic.memory._entries[:] = entries
    assert (await trail.verify()).intact


async def test_an_entry_under_anothers_id_is_found(clinic):
    trail = await filled(clinic, 10)
    one, two = clinic.memory._entries[3:5]
    clinic.memory._entries[3:5] = [Entry(two.id, one.body), Entry(one.id, two.body)]
    verdict = await trail.verify()
    assert found(verdict, FindingKind.ENTRY, 3)
    assert found(verdict, FindingKind.ENTRY, 4)


@pytest.mark.parametrize(
    "name", ["log/tile/0/000", "log/tile/0/001.p/44", "log/tile/1/000.p/1", "log/tile/entries/000"]
)
async def test_a_changed_file_of_the_published_log_is_found(clinic, name):
    trail = await filled(clinic)
    path = clinic.root / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    verdict = await trail.verify()
    assert not verdict.intact
    assert any(each.path == name.removeprefix("log/") for each in verdict.findings)


async def test_a_missing_file_of_the_published_log_is_found(clinic):
    trail = await filled(clinic)
    for name in ("log/tile/entries/000", "log/tile/0/000"):
        path = clinic.root / name
        content = path.read_bytes()
        path.unlink()
        assert found(await trail.verify(), FindingKind.MISSING), name
        path.write_bytes(content)
    assert (await trail.verify()).intact


async def test_a_damaged_frame_of_the_journal_is_named(clinic):
    trail = await filled(clinic, 300, FileAudit(clinic.root))
    (segment,) = clinic.root.glob("journal/*.segment")
    content = bytearray(segment.read_bytes())
    content[content.index(b'"report":"r217"') + 11] ^= 1
    with segment.open("r+b") as stream:
        stream.write(content)
    verdict = await trail.verify()
    assert found(verdict, FindingKind.ENTRY, 217)
    assert not found(verdict, FindingKind.ENTRY, 216)


async def test_a_changed_entry_with_a_repaired_checksum_is_named_all_the_same(clinic):
    from zlib import crc32

    trail = await filled(clinic, 300, FileAudit(clinic.root))
    (segment,) = clinic.root.glob("journal/*.segment")
    content = bytearray(segment.read_bytes())
    at = content.index(b'"report":"r217"')
    content[at + 11] ^= 1
    start = content.rindex(b'{"action"', 0, at) - 16
    length = int.from_bytes(content[start - 4 : start])
    end = start + 16 + length
    content[end : end + 4] = crc32(content[start:end]).to_bytes(4)
    with segment.open("r+b") as stream:
        stream.write(content)
    assert found(await trail.verify(), FindingKind.ENTRY, 217)


async def test_a_checkpoint_that_somebody_else_signed_is_found(clinic):
    trail = await filled(clinic, 5)
    path = clinic.root / "log/checkpoint"
    content = path.read_text()
    path.write_text(content.replace("\n5\n", "\n4\n"))
    assert found(await trail.verify(), FindingKind.SIGNATURE)
    path.unlink()
    assert found(await trail.verify(), FindingKind.CHECKPOINT)
    path.write_text(content)
    assert (await trail.verify()).intact


async def test_an_older_checkpoint_put_back_is_found(clinic):
    trail = await filled(clinic, 5)
    path = clinic.root / "log/checkpoint"
    older = path.read_text()
    await filled_more(trail, 3)
    newer = path.read_text()
    path.write_text(older)
    assert found(await trail.verify(), FindingKind.HISTORY)
    path.write_text(newer)


async def test_entries_that_were_moved_up_behind_the_checkpoint_are_not_signed(clinic):
    trail = await filled(clinic, 5)
    entries = list(clinic.memory._entries)
    clinic.memory._entries.insert(2, entries[0])
    with pytest.raises(AegisError) as caught:
        await trail.checkpoint()
    assert caught.value.code is ErrorCode.INTEGRITY
    clinic.memory._entries[:] = entries
    await trail.aclose()
    clinic.memory._entries[3] = entries[2]
    with pytest.raises(AegisError, match="entry 3 of the primary"):
        await clinic.trail(clinic.memory)


async def filled_more(trail, count: int) -> None:
    for number in range(count):
        await trail.record(ReportFiled(f"more{number}"))
    await trail.checkpoint()
