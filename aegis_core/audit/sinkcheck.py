"""Verify the entries of a sink by themselves: for a copy whose primary and published log are gone, or not trusted."""

from collections.abc import Iterable

import attrs

from aegis_core.audit.checkpoint import decode_checkpoint
from aegis_core.audit.findings import Findings
from aegis_core.audit.model import FindingKind, Verdict
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.opening import same_id
from aegis_core.audit.port import AuditSink
from aegis_core.audit.tiles import WIDTH, Tile, TileWriter, encode_bundle
from aegis_core.audit.tree import HASH_SIZE, leaf_hash
from aegis_core.audit.verification import Progress, answered, verification
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping


async def verify_sink(
    sink: AuditSink,
    note: str,
    keys: Iterable[VerifierKey],
    /,
    *,
    kept: str | None = None,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    progress: Progress | None = None,
) -> Verdict:
    """Verify that a sink begins with the entries that a checkpoint was signed for. Nothing else is needed or read.

    Every leaf and every hash above is computed from the entries, and the root compared with the signed one. Which entry
    was changed cannot be told without the published tiles: `AuditTrail.verify` does, as long as they are there.

    Arguments:
        sink: open, and left open.
        note: a checkpoint of the log: the last one, or any that was kept somewhere else.
        keys: the log's keys, each named as the log; at least one must have signed.
        kept: an older checkpoint that the caller kept where the log's owner could not change it.
        witnesses: cosigners that the caller trusts.
        quorum: how many of them must have signed.
        progress: called with entries seen and entries in all.

    Raises:
        AegisError: what the sink raises, but for ``integrity``, which is a finding; ``invalid_argument`` where
            ``kept`` is not a checkpoint.
    """
    steps = verification(note, keys, strict=True, kept=kept, witnesses=witnesses, quorum=quorum, progress=progress)
    reader = _Reader(sink)
    await reader.begin(note)
    verdict = await answered(steps, reader.read)
    if not reader.findings.count:
        return verdict
    return attrs.evolve(verdict, intact=False, findings=reader.findings.all() + verdict.findings)


class _Reader:
    """Answers the verifier out of the entries alone."""

    def __init__(self, sink: AuditSink) -> None:
        self._sink = sink
        self._tiles = TileWriter()
        self._hashes: dict[tuple[int, int], bytes] = {}
        self.findings = Findings()

    async def begin(self, note: str) -> None:
        try:
            promised = decode_checkpoint(note).size
        except AegisError:
            return  # the verifier says so
        with Wrapping(self._sink, "audit.verify"):
            size = await self._sink.size()
        if size < promised:
            told = f"there are {size} entries, and {promised} were signed: verify them by an older checkpoint"
            self.findings.add(FindingKind.MISSING, told, index=size)

    async def read(self, tile: Tile) -> bytes | None:
        if tile.level is None:
            return await self._bundle(tile)
        hashes = self._hashes.get((tile.level, tile.position), b"")
        # Only the last bundle's leaves are asked for again.
        if tile.level == 0:
            self._hashes.pop((0, tile.position), None)
        return hashes[: tile.width * HASH_SIZE] or None

    async def _bundle(self, tile: Tile) -> bytes | None:
        start = tile.position * WIDTH
        try:
            with Wrapping(self._sink, "audit.verify"):
                entries = await self._sink.read(start, start + tile.width)
        except AegisError as error:
            if error.code is not ErrorCode.INTEGRITY:
                raise
            self.findings.add(FindingKind.ENTRY, error.message, index=start)
            return None
        if len(entries) < tile.width:
            return None
        for index, entry in enumerate(entries, start):
            if not same_id(entry.body, entry.id):
                told = f"entry {index} is kept under another id than its own"
                self.findings.add(FindingKind.ENTRY, told, index=index)
        self._tiles.extend(leaf_hash(entry.body) for entry in entries)
        self._hashes.update({(each.level or 0, each.position): hashes for each, hashes in self._tiles.take()})
        return encode_bundle(entry.body for entry in entries)
