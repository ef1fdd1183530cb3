"""Making an export, in the order in which its parts can be trusted: objects, then the log that tells of them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import anyio.to_thread

from aegis_cli.audit.entries import document
from aegis_cli.export.documents import DELIVERIES as DELIVERY_DOCUMENTS
from aegis_cli.export.documents import RINGS, delivery_line, documents, tenants
from aegis_cli.export.events import ExportBegan, ExportFinished
from aegis_cli.export.folder import OPERATION, ExportFolder, make_folders
from aegis_cli.export.layout import (
    ABOUT,
    DELIVERIES,
    ENTRIES,
    KEYRING,
    LOG,
    MANIFEST,
    OBJECTS,
    OPENED,
    README,
    SUMS,
    Manifest,
    line,
    sum_line,
)
from aegis_cli.export.objects import Copying
from aegis_cli.landing import Landing, land
from aegis_cli.operator import working_for
from aegis_cli.output import Output
from aegis_core import Aegis, Purpose, Storage
from aegis_core.audit import SignedCheckpoint, encode_entry
from aegis_core.kernel import SYSTEM_CLOCK

_PIECE: Final = 1 << 20


async def make(
    aegis: Aegis, folder: ExportFolder, stores: Iterable[str], out: Output, /, *, purpose: Purpose | None
) -> Manifest:
    """Export everything into a folder.

    Arguments:
        stores: names of the stores, ``default`` for the one of all.
        purpose: for which sealed data is revealed; None: it stays sealed.
    """
    path = folder.path
    with working_for(None):
        await aegis.audit.record(ExportBegan(opened=folder.opened, resumed=folder.resumed))
    await land(path / README, ABOUT.encode(), replace=True, operation=OPERATION)
    await _keep_documents(aegis, path)
    with out.progress("objects") as at:
        copying = Copying(folder, at)
        for tenant in await tenants(aegis.keys.state):
            for store in stores:
                await copying.copy(aegis.get(Storage, name=store), store=store, tenant=tenant)
    await _write(path / OBJECTS, (line(each) for each in copying.lines()))
    with out.progress("log") as at:
        checkpoint = await aegis.audit.export(path / LOG, progress=at)
    await _keep_entries(aegis, path, checkpoint, out, purpose)
    known = await anyio.to_thread.run_sync(copying.sums)
    await anyio.to_thread.run_sync(copying.clear, known)
    sums, files, octets = await anyio.to_thread.run_sync(_sums, path, known)
    await _write(path / SUMS, [sums])
    manifest = Manifest(
        made=_now(),
        origin=checkpoint.origin,
        opened=folder.opened,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        objects=copying.objects,
        damaged=copying.damaged,
        files=files,
        octets=octets,
        sums=sha256(sums).hexdigest(),
    )
    with working_for(None):
        await aegis.audit.record(
            ExportFinished(
                opened=manifest.opened,
                objects=manifest.objects,
                damaged=manifest.damaged,
                entries=manifest.size,
                sums=manifest.sums,
            )
        )
    await land(path / MANIFEST, manifest.encode(), operation=OPERATION)
    folder.finish()
    return manifest


async def _keep_documents(aegis: Aegis, path: Path) -> None:
    state = aegis.keys.state
    await anyio.to_thread.run_sync(make_folders, path / KEYRING)
    async for ring in documents(state, RINGS):
        name = f"{ring.name.removeprefix(RINGS)}.json"
        await land(path / KEYRING / name, ring.body, replace=True, operation=OPERATION)
    async with Landing(path / DELIVERIES, replace=True, operation=OPERATION) as file:
        async for each in documents(state, DELIVERY_DOCUMENTS):
            await file.write(delivery_line(each))


async def _keep_entries(
    aegis: Aegis, path: Path, checkpoint: SignedCheckpoint, out: Output, purpose: Purpose | None
) -> None:
    async with Landing(path / ENTRIES, replace=True, operation=OPERATION) as file:
        with out.progress("entries") as at:
            async for piece in _gathered(_spelled(aegis, checkpoint.size)):
                await file.write(piece)
                at(file.size)
    if purpose is None:
        return
    async with Landing(path / OPENED, replace=True, operation=OPERATION) as file:
        with out.progress("entries, opened") as at:
            async for piece in _gathered(_opened(aegis, checkpoint.size, purpose)):
                await file.write(piece)
                at(file.size)


async def _spelled(aegis: Aegis, size: int) -> AsyncIterator[bytes]:
    async for event in aegis.audit.stored(0, size):
        yield encode_entry(event) + b"\n"  # canonical JSON has no newline in it


async def _opened(aegis: Aegis, size: int, purpose: Purpose) -> AsyncIterator[bytes]:
    async for event in aegis.audit.entries(0, size):
        yield line(document(event, purpose=purpose))


async def _gathered(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines in pieces that are worth a thread hop."""
    held = bytearray()
    async for each in lines:
        held += each
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _write(path: Path, pieces: Iterable[bytes]) -> None:
    async with Landing(path, replace=True, operation=OPERATION) as file:
        for piece in pieces:
            await file.write(piece)


def _sums(path: Path, known: Mapping[str, str]) -> tuple[bytes, int, int]:
    """The list of sums, how many files it has, and their bytes. Objects' sums are known: they are not read again."""
    lines: list[str] = []
    octets = 0
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        name = file.relative_to(path).as_posix()
        if name.startswith(".") or name in {SUMS, MANIFEST}:
            continue
        octets += file.stat().st_size
        lines.append(sum_line(known.get(name) or digest_of(file), name))
    return "".join(lines).encode(), len(lines), octets


def digest_of(file: Path, /) -> str:
    """SHA-256 of a file, hexadecimal, in memory that does not grow with its size."""
    digest = sha256()
    with file.open("rb", buffering=0) as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _now() -> str:
    return datetime.fromtimestamp(SYSTEM_CLOCK.wall_ns() // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")
