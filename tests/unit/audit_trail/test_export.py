"""The log in a folder of its own: it verifies there, grows, survives being cut off, and never loses a history."""

import errno
import shutil

import anyio.to_thread
import pytest

from aegis_core.audit import export as export_module
from aegis_core.audit.entry import encode_entry
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.trail import AuditTrail
from aegis_core.audit.tree import leaf_hash
from aegis_core.audit.verifier import verify_folder
from aegis_core.kernel.errors import AegisError, ErrorCode

from .conftest import ORIGIN, ReportFiled, Started, doctor

pytestmark = pytest.mark.anyio


async def fill(trail, count):
    for each in [trail.submit(Started(number)) for number in range(count)]:
        await each


async def keys_of(trail):
    return [VerifierKey.decode(text) for text in await trail.verifier_keys()]


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sizes", [(0,), (1, 3), (256,), (255, 1, 300), (700, 66)])
async def test_every_export_verifies_and_holds_the_log_as_it_is_then(clinic, tmp_path, sizes):
    trail = await clinic.trail()
    folder, size = tmp_path / "out" / "log", 0
    for count in sizes:
        await fill(trail, count)
        size += count
        seen = []
        checkpoint = await trail.export(folder, progress=lambda done, total, seen=seen: seen.append((done, total)))
        verdict = verify_folder(folder, await keys_of(trail), strict=True)
        assert verdict.intact, verdict.findings
        assert (verdict.size, verdict.root) == (size, checkpoint.root)
        assert not size or seen[-1] == (size, size)
    assert files(folder)["verifier-keys"].decode().split() == list(await trail.verifier_keys())
    # Partial tiles go once the full one is there, as in the log itself.
    full = [name for name in files(folder) if ".p/" not in name]
    assert not [name for name in files(folder) if ".p/" in name and name.partition(".p/")[0] in full]
    assert not (folder / ".writing").exists()


async def test_a_log_that_grew_meanwhile_is_cut_to_the_checkpoint(clinic, tmp_path, monkeypatch):
    trail = await clinic.trail()
    await fill(trail, 200)
    real = trail.checkpoint

    async def and_grown():
        checkpoint = await real()
        await fill(trail, 100)
        await real()  # the partial tiles of the first checkpoint are full and gone now
        return checkpoint

    monkeypatch.setattr(trail, "checkpoint", and_grown)
    checkpoint = await trail.export(tmp_path / "out")
    assert checkpoint.size == 200
    verdict = verify_folder(tmp_path / "out", await keys_of(trail), strict=True)
    assert verdict.intact, verdict.findings
    assert verdict.size == 200


async def test_cut_off_at_any_file_it_is_the_earlier_export_and_goes_on(clinic, tmp_path, monkeypatch):
    trail = await clinic.trail()
    await fill(trail, 300)
    before = tmp_path / "before"
    await trail.export(before)
    await fill(trail, 500)
    real, count = export_module.write_new, 0

    def failing(path, pieces, **options):
        nonlocal count
        count += 1
        if count == limit:
            raise OSError(errno.ENOSPC, "a text with a name in it")
        real(path, pieces, **options)

    monkeypatch.setattr(export_module, "write_new", failing)
    limit, finished = 0, False
    while not finished:
        limit, count = limit + 1, 0
        folder = tmp_path / f"out-{limit}"
        await anyio.to_thread.run_sync(shutil.copytree, before, folder)
        try:
            await trail.export(folder)
            finished = True
        except AegisError as error:
            assert error.code is ErrorCode.RESOURCE_EXHAUSTED
            assert "name" not in str(error)
            verdict = verify_folder(folder, await keys_of(trail), strict=True)
            assert verdict.intact, verdict.findings
            assert verdict.size == 300
            count = -1000
            await trail.export(folder)
        verdict = verify_folder(folder, await keys_of(trail), strict=True)
        assert verdict.intact, verdict.findings
        assert verdict.size == 800
    assert limit > 8


async def test_what_another_left_under_a_files_name_is_written_anew(clinic, tmp_path):
    trail = await clinic.trail()
    await fill(trail, 300)
    for name in ("tile/entries/000", "tile/0/001.p/44", "verifier-keys"):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a fi")
    await trail.export(tmp_path / "out")
    verdict = verify_folder(tmp_path / "out", await keys_of(trail), strict=True)
    assert verdict.intact, verdict.findings


async def test_a_history_that_the_log_does_not_extend_is_never_overwritten(clinic, tmp_path):
    folder = tmp_path / "out"
    async with AuditTrail(clinic.sink(), clinic.ring, origin=ORIGIN, clock=clinic.clock) as trail:
        await fill(trail, 10)
        await trail.export(folder)
    kept = files(folder)

    # The same keys sign another log, as after an old state was put back.
    for path in (clinic.root / "journal", clinic.root / "log"):
        shutil.rmtree(path)
    other = await clinic.trail()
    await fill(other, 5)
    with pytest.raises(AegisError, match="does not extend") as shorter:
        await other.export(folder)
    assert shorter.value.code is ErrorCode.INTEGRITY
    await fill(other, 20)
    with pytest.raises(AegisError, match="does not extend"):
        await other.export(folder)
    assert files(folder) == kept
    (folder / "checkpoint").write_bytes(b"not a checkpoint")
    with pytest.raises(AegisError):
        await other.export(folder)


async def test_stored_events_open_nothing_and_give_back_their_bytes(clinic):
    trail = await clinic.trail()
    with doctor():
        receipt = await trail.record(ReportFiled("r-1"))
    with doctor("HN-0002"):
        await trail.record(ReportFiled("r-2"))
    clinic.ring._keys.clear()
    unwrapped = []
    clinic.ring._vault.unwrap = lambda *_, **__: unwrapped.append(1)
    events = [event async for event in trail.stored()]
    assert unwrapped == []
    assert [event.index for event in events] == [0, 1]
    assert leaf_hash(encode_entry(events[0])) == receipt.leaf
    assert events[0].sealed["name"].data_class == "phi.name"
    assert "Somchai" not in repr(events)


async def test_stored_events_of_one_subject_are_found_unopened(clinic):
    trail = await clinic.trail()
    for subject in ("HN-0001", "HN-0002", "HN-0001"):
        with doctor(subject) as context:
            await trail.record(ReportFiled("r"))
    assert [event.index async for event in trail.stored(subject=context.subject)] == [0, 2]
    assert [event.index async for event in trail.stored(1, 2)] == [1]
