"""Publishes the log beside the primary: bundles, tiles, and a signed checkpoint last. Off the acknowledging path."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import anyio

from aegis_core.audit.checkpoint import CheckpointSigner
from aegis_core.audit.model import SignedCheckpoint
from aegis_core.audit.port import AuditSink, Entry
from aegis_core.audit.signing import Signing
from aegis_core.audit.tiles import (
    WIDTH,
    Tile,
    TileWriter,
    decode_bundle,
    encode_bundle,
    levels_of,
    subtrees_in,
    tiles_dropped,
    tiles_for,
)
from aegis_core.audit.tree import Tree, subtree_nodes
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import as_error
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.state import StateDocument, StateStore

LOG: Final = "log/"
CHECKPOINT: Final = "log/checkpoint"

#: A checkpoint is due after so many entries, or so many seconds after the first of them.
ENTRIES: Final = 1000
SECONDS: Final = 1.0

#: Bytes of entries that are kept for the next checkpoint; where there are more, they are read back from the primary.
_MOST_KEPT: Final = 8 << 20
#: Full bundles and tiles that are gathered before they are written.
_MOST_GATHERED: Final = 8
_MOST_RACES: Final = 100


class Publisher:
    """Keeps the published log in step with the primary.

    Several processes may publish one log. Bundles and tiles follow from the entries alone, so all write the same; the
    checkpoint is replaced only if it is the one that was read, and only by a tree that extends it.
    """

    def __init__(
        self, sink: AuditSink, state: StateStore, signing: Signing, /, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._sink = sink
        self._state = state
        self._signing = signing
        self._clock = clock
        self._published = metrics.counter("aegis_audit_checkpoints_total")
        self._failed = metrics.counter("aegis_audit_checkpoint_failures_total")
        self._lock = anyio.Lock()
        self._due = anyio.Event()
        self._enough = anyio.Event()
        self._unpublished = 0
        # What a signed checkpoint covers, and the leaves beyond it.
        self._agreed = Tree()
        self._leaves: list[bytes] = []
        # The right edge of what was taken in: tiles, and the bodies of the bundle that is not full.
        self._tiles = TileWriter()
        self._bodies: list[bytes] = []
        self._last = b""
        self._full: list[tuple[Tile, bytes]] = []
        self._kept: list[tuple[bytes, bytes]] = []
        self._kept_from = 0
        self._kept_bytes = 0
        self.latest: SignedCheckpoint | None = None
        self.failure: AegisError | None = None

    async def open(self) -> int:
        """Take the log up where it was left, and return the primary's size.

        Raises:
            AegisError: ``integrity`` if the primary holds less than was signed, or other entries than were published.
        """
        document = await self._state.get(CHECKPOINT)
        size = await self._sink.size()
        if document is not None:
            checkpoint = await self._signing.check(document.body)
            if size < checkpoint.size:
                raise _broken(f"the primary holds {size} entries, but {checkpoint.size} were signed: restore it")
            await self._resume(checkpoint)
            self.latest = checkpoint
        self._kept_from = self._tiles.size
        if size > self._tiles.size:
            self._mark(size - self._tiles.size)
        return size

    async def _resume(self, checkpoint: SignedCheckpoint) -> None:
        size = checkpoint.size
        hashes: dict[Tile, bytes] = {}
        edges = [Tile(level, *divmod(size >> (8 * level), WIDTH)) for level in range(levels_of(size))]
        for tile in {*tiles_for(size, subtree_nodes(0, size)), *(edge for edge in edges if edge.width)}:
            hashes[tile] = await self.tile(tile)
        self._tiles = TileWriter.of(size, hashes.__getitem__)
        self._agreed = Tree.of(size, subtrees_in(size, hashes.__getitem__))
        if self._agreed.root() != checkpoint.root:
            raise _broken("the published tiles do not have the root that was signed: restore them")
        if size:
            await self._take_edge(size)

    async def _take_edge(self, size: int) -> None:
        """Read the last published entries from the primary, which must be those that were published."""
        position = (size - 1) // WIDTH
        first = position * WIDTH
        published = await self.tile(Tile(0, position, size - first))
        bodies = [entry.body for entry in await self._sink.read(first, size)]
        leaves = [sha256(b"\x00" + body).digest() for body in bodies]
        if b"".join(leaves) != published:
            differing = (at for at, leaf in enumerate(leaves) if published[32 * at : 32 * at + 32] != leaf)
            raise _broken(
                f"entry {first + next(differing, len(leaves))} of the primary is not the one that was published"
            )
        self._last = leaves[-1]
        self._bodies = bodies if size % WIDTH else []

    async def tile(self, tile: Tile, /) -> bytes:
        """Read one published tile or bundle; a partial one may have become full meanwhile."""
        document = await self._state.get(LOG + tile.path)
        if document is None and tile.width < WIDTH:
            document = await self._state.get(LOG + Tile(tile.level, tile.position).path)
            if document is not None and tile.level is None:
                return encode_bundle(decode_bundle(document.body)[: tile.width])
        if document is None:
            raise _broken(f"{tile.path} is missing from the published log")
        return document.body if tile.level is None else document.body[: tile.width * 32]

    def feed(self, indexes: Sequence[int], entries: Sequence[Entry], leaves: Sequence[bytes], /) -> None:
        """Take what was appended just now, to spare reading it back. Called on the loop, and waits for nothing."""
        end = self._kept_from + len(self._kept)
        if self._kept_bytes < _MOST_KEPT and indexes[0] == end and indexes[-1] == end + len(indexes) - 1:
            bodies = [entry.body for entry in entries]
            self._kept += zip(bodies, leaves, strict=True)
            self._kept_bytes += sum(map(len, bodies))
        self._mark(len(indexes))

    def _mark(self, count: int) -> None:
        self._unpublished += count
        self._due.set()
        if self._unpublished >= ENTRIES:
            self._enough.set()

    async def run(self) -> None:
        """Publish whenever it is due. A failure is kept for `health`, and tried again."""
        while True:
            await self._due.wait()
            await self._pause()
            # Made anew here alone: an event that somebody waits for must not be replaced.
            self._due, self._enough = anyio.Event(), anyio.Event()
            try:
                await self.publish()
            except Exception:  # noqa: BLE001 - recorded by publish; acknowledging goes on
                self._due.set()

    async def _pause(self) -> None:
        async with anyio.create_task_group() as group:

            async def sleep() -> None:
                await self._clock.sleep(SECONDS)
                group.cancel_scope.cancel()

            group.start_soon(sleep)
            await self._enough.wait()
            group.cancel_scope.cancel()

    async def publish(self) -> SignedCheckpoint:
        """Publish everything that the primary holds now, and return the checkpoint that covers it."""
        async with self._lock:
            self._unpublished = 0
            try:
                checkpoint = await self._publish()
            except Exception as exc:
                self._failed(1)
                self.failure = as_error(exc, self._state, "audit.checkpoint")
                if self.failure is exc:
                    raise
                raise self.failure from self.failure.__cause__
            self.failure = None
            self.latest = checkpoint
            return checkpoint

    async def _publish(self) -> SignedCheckpoint:
        signer = await self._signing.signer()
        for _ in range(_MOST_RACES):
            document = await self._state.get(CHECKPOINT)
            seen = await self._read(document)
            size = await self._sink.size()
            if size < seen:
                raise _broken(f"the primary holds {size} entries, but {seen} were signed: restore it")
            await self._take_in(size)
            if self.latest is not None and self.latest.size == seen:
                self._agree(self.latest)
            if document is not None and self.latest is not None and seen == self._tiles.size:
                return self.latest
            await self._write(seen)
            checkpoint = self._sign(signer)
            try:
                await self._state.put(
                    CHECKPOINT, checkpoint.note.encode(), expected=None if document is None else document.revision
                )
            except AegisError as error:
                if error.code is not ErrorCode.CONFLICT:
                    raise
                continue  # somebody else signed meanwhile; what we signed never leaves this function
            self._agree(checkpoint)
            self._published(1)
            await self._drop(seen, checkpoint.size)
            return checkpoint
        raise AegisError(ErrorCode.UNAVAILABLE, "other hosts were always faster", operation="audit.checkpoint")

    async def _read(self, document: StateDocument | None) -> int:
        if document is None:
            if self.latest is not None:
                raise _broken("the published checkpoint is gone: restore it")
            return 0
        if self.latest is None or document.body != self.latest.note.encode():
            latest = await self._signing.check(document.body)
            if self.latest is not None and latest.size < self.latest.size:
                raise _broken("the published checkpoint is older than one that was published before")
            self.latest = latest
        return self.latest.size

    async def _take_in(self, size: int) -> None:
        while (start := self._tiles.size) < size:
            skipped = start - self._kept_from
            kept = self._kept[skipped : skipped + size - start] if skipped >= 0 else []
            if kept:
                self._extend([body for body, _ in kept], [leaf for _, leaf in kept])
                del self._kept[: skipped + len(kept)]
            else:
                self._kept.clear()
                self._kept_from = -1  # nothing fits behind it while we wait
                bodies, leaves = await self._read_back(start, min(size, start + 512))
                self._extend(bodies, leaves)
            self._kept_from = self._tiles.size
            self._kept_bytes = sum(len(body) for body, _ in self._kept)
            if len(self._full) >= _MOST_GATHERED:
                await self._write_full(0)

    async def _read_back(self, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Read entries from the primary, and see that they stand behind those that were taken in before."""
        before = max(start - 1, 0)
        bodies = [entry.body for entry in await self._sink.read(before, stop)]
        leaves = [sha256(b"\x00" + body).digest() for body in bodies]
        if start:
            if leaves[:1] != [self._last]:
                raise _broken(f"entry {before} of the primary is not the one that was recorded there")
            del bodies[0], leaves[0]
        if not bodies:
            raise _broken(f"the primary does not give entry {start}, though it holds {stop}")
        return bodies, leaves

    def _extend(self, bodies: list[bytes], leaves: list[bytes]) -> None:
        first = self._tiles.size // WIDTH
        self._leaves += leaves
        self._last = leaves[-1]
        self._tiles.extend(leaves)
        self._bodies += bodies
        for position in range(first, self._tiles.size // WIDTH):
            self._full.append((Tile(None, position), encode_bundle(self._bodies[:WIDTH])))
            del self._bodies[:WIDTH]
        self._full += [(tile, hashes) for tile, hashes in self._tiles.take() if tile.width == WIDTH]

    def _agree(self, checkpoint: SignedCheckpoint) -> None:
        """Move on to a checkpoint, once our own tree has had its root at its size."""
        count = checkpoint.size - self._agreed.size
        tree = Tree(self._agreed.size, self._agreed.peaks)
        tree.extend(self._leaves[:count])
        if count < 0 or tree.root() != checkpoint.root:
            raise _broken(f"a checkpoint of {checkpoint.size} entries was signed for other entries than the primary's")
        self._agreed = tree
        del self._leaves[:count]

    def _sign(self, signer: CheckpointSigner) -> SignedCheckpoint:
        tree = Tree(self._agreed.size, self._agreed.peaks)
        tree.extend(self._leaves)
        return signer.sign(tree.size, tree.root(), timestamp=self._clock.wall_ns() // 1_000_000_000)

    async def _write(self, seen: int) -> None:
        await self._write_full(seen)
        if self._bodies:
            tile = Tile(None, self._tiles.size // WIDTH, len(self._bodies))
            await self._put(tile, encode_bundle(self._bodies))
        for tile, hashes in self._tiles.take():
            await self._put(tile, hashes)

    async def _write_full(self, seen: int) -> None:
        """Write full bundles and tiles; what the checkpoint that was seen covers, its signer wrote."""
        while self._full:
            tile, body = self._full[0]
            if (tile.position + 1) * WIDTH << (8 * (tile.level or 0)) > seen:
                await self._put(tile, body)
            self._full.pop(0)

    async def _put(self, tile: Tile, body: bytes) -> None:
        name = LOG + tile.path
        try:
            await self._state.put(name, body, expected=None)
        except AegisError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            document = await self._state.get(name)
            if document is not None and document.body != body:
                raise _broken(f"{tile.path} is published with other contents than the primary's") from None

    async def _drop(self, old: int, new: int) -> None:
        """Remove partial tiles whose full one is there now: no reader needs them any more."""
        for tile in tiles_dropped(old, new):
            if (new >> (8 * (tile.level or 0))) // WIDTH <= tile.position:
                continue
            for name in await self._state.names(f"{LOG}{Tile(tile.level, tile.position).path}.p/"):
                await self._state.delete(name)


def _broken(message: str) -> AegisError:
    return AegisError(ErrorCode.INTEGRITY, message, operation="audit.checkpoint")
