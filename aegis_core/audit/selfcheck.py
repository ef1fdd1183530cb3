"""The trail's own verification: a sink's entries against the published tiles and the signed checkpoint."""

from collections.abc import Iterable

import attrs

from aegis_core.audit.findings import Findings
from aegis_core.audit.model import FindingKind, SignedCheckpoint, Verdict
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.opening import same_id
from aegis_core.audit.port import AuditSink, Entry
from aegis_core.audit.publisher import CHECKPOINT, LOG
from aegis_core.audit.tiles import WIDTH, Tile, decode_bundle, encode_bundle
from aegis_core.audit.verification import Progress, answered, verification
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.state import StateStore


async def check(
    latest: SignedCheckpoint,
    keys: Iterable[VerifierKey],
    sink: AuditSink,
    state: StateStore,
    /,
    *,
    place: str = "the primary",
    progress: Progress | None = None,
) -> Verdict:
    """Recompute every leaf from a sink, and compare: tiles, published bundles, root, signatures. Never decrypts.

    Arguments:
        latest: the last checkpoint that this process saw; the published one must be it, or extend it.
        place: what the sink is, in the words of findings.
        progress: called with entries seen and entries in all.
    """
    reader = _Reader(sink, state, place)
    document = await state.get(CHECKPOINT)
    if document is None:
        reader.miss_checkpoint()
    note = latest.note if document is None else document.body.decode("utf-8", "replace")
    steps = verification(note, keys, strict=True, kept=latest.note, progress=progress)
    verdict = await answered(steps, reader.read)
    if not reader.findings.count:
        return verdict
    return attrs.evolve(verdict, intact=False, findings=reader.findings.all() + verdict.findings)


class _Reader:
    """Answers the verifier: entries come from the sink, hashes from the published log."""

    def __init__(self, sink: AuditSink, state: StateStore, place: str) -> None:
        self._sink = sink
        self._state = state
        self._place = place
        self._is_short = False
        self.findings = Findings()

    async def read(self, tile: Tile) -> bytes | None:
        if tile.level is not None:
            return await self._published(tile)
        start = tile.position * WIDTH
        entries = await self._entries(start, start + tile.width)
        if entries is None:
            return None
        for index, entry in enumerate(entries, start):
            if not same_id(entry.body, entry.id):
                self._found(FindingKind.ENTRY, f"entry {index} is kept under another id than its own", index, tile)
        bundle = encode_bundle(entry.body for entry in entries)
        published = await self._published(tile)
        if published != bundle:
            self._compare(published, [entry.body for entry in entries], tile)
        if len(entries) == tile.width:
            return bundle
        if not self._is_short:
            self._is_short = True
            end = start + len(entries)
            self._found(FindingKind.MISSING, f"{self._place} ends before entry {end}, which was signed", end, tile)
        return published  # stands in for what is missing, so that the rest is compared

    async def _entries(self, start: int, stop: int) -> list[Entry] | None:
        """Entries of the sink; where it says itself that one is damaged, it is found out which."""
        try:
            with Wrapping(self._sink, "audit.verify"):
                return list(await self._sink.read(start, stop))
        except AegisError as error:
            if error.code is not ErrorCode.INTEGRITY:
                raise
        for index in range(start, stop):
            try:
                await self._sink.read(index, index + 1)
            except AegisError as error:
                self._found(FindingKind.ENTRY, error.message, index, None)
        return None

    async def _published(self, tile: Tile) -> bytes | None:
        document = await self._state.get(LOG + tile.path)
        return None if document is None else document.body

    def _compare(self, published: bytes | None, bodies: list[bytes], tile: Tile) -> None:
        if published is None:
            if tile.width == WIDTH:
                self._found(FindingKind.MISSING, "a bundle is missing from the published log", None, tile)
            return
        try:
            stored = decode_bundle(published)
        except AegisError:
            self._found(FindingKind.MALFORMED, "a published bundle ends inside an entry", None, tile)
            return
        for index, (one, other) in enumerate(zip(stored, bodies, strict=False), tile.position * WIDTH):
            if one != other:
                message = f"entry {index} is published with other contents than {self._place} has"
                self._found(FindingKind.ENTRY, message, index, tile)
        if len(stored) != len(bodies) and len(bodies) >= tile.width:
            self._found(FindingKind.MALFORMED, "a published bundle has another number of entries", None, tile)

    def miss_checkpoint(self) -> None:
        self.findings.add(FindingKind.CHECKPOINT, "the published checkpoint is missing", path="checkpoint")

    def _found(self, kind: FindingKind, message: str, index: int | None, tile: Tile | None) -> None:
        self.findings.add(kind, message, index=index, path=None if tile is None else tile.path)
