"""The verifier's reasoning, without I/O: it asks for files by name and says what is wrong with what it was given.

Every leaf is recomputed from the entries themselves: tiles alone would not show a changed entry. Nothing is decrypted.
"""

import struct
from collections.abc import Awaitable, Callable, Generator, Iterable
from hashlib import sha256
from typing import Final, TypeAlias

from aegis_core.audit.checkpoint import Verified, decode_checkpoint, open_checkpoint
from aegis_core.audit.findings import MOST_FINDINGS, Findings
from aegis_core.audit.model import FindingKind, SignedCheckpoint, Verdict
from aegis_core.audit.note import VerifierKey
from aegis_core.audit.reading import StrictReading, time_of
from aegis_core.audit.tiles import WIDTH, Tile, levels_of, subtrees_in
from aegis_core.audit.tree import EMPTY_ROOT, HASH_SIZE, Tree, fold
from aegis_core.kernel.errors import AegisError, ErrorCode

#: Asks for a file of the log, is sent its bytes, or None where there is no such file; returns the verdict.
Verification: TypeAlias = Generator[Tile, bytes | None, Verdict]
Progress: TypeAlias = Callable[[int, int], None]  #: entries seen, entries in all

_LENGTH: Final = struct.Struct(">H")
_LEAF: Final = sha256(b"\x00")


async def answered(steps: Verification, read: Callable[[Tile], Awaitable[bytes | None]], /) -> Verdict:
    """Answer everything that a verification asks for, and give its verdict.

    Arguments:
        read: gives a file of the log, or None where there is none.
    """
    octets: bytes | None = None
    while True:
        try:
            tile = steps.send(octets)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        octets = await read(tile)


def verification(
    note: str,
    keys: Iterable[VerifierKey],
    /,
    *,
    strict: bool = False,
    kept: str | None = None,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    progress: Progress | None = None,
) -> Verification:
    """Verify a tiled log, as a generator that asks for one file after another.

    Arguments:
        note: the log's ``checkpoint``.
        keys: the log's keys, each named as the log; at least one must have signed.
        strict: also read every entry: canonical, of a known version, no id twice, no time far before an earlier one.
        kept: an older checkpoint that the caller kept where the log's owner could not change it.
        witnesses: cosigners that the caller trusts.
        quorum: how many of them must have signed.
        progress: called after each bundle.

    Raises:
        AegisError: ``invalid_argument`` where ``kept`` is not a checkpoint at all.
    """
    keys, witnesses = tuple(keys), tuple(witnesses)
    findings = Findings()
    try:
        checkpoint = decode_checkpoint(note)
    except AegisError as error:
        findings.add(FindingKind.CHECKPOINT, f"the checkpoint cannot be read: {error.message}", path="checkpoint")
        return Verdict(intact=False, size=0, root=b"", findings=findings.all())
    signed_by: tuple[str, ...] = ()
    try:
        verified = open_checkpoint(note, keys, witnesses=witnesses, quorum=quorum)
        signed_by = _names(verified)
    except AegisError as error:
        findings.add(FindingKind.SIGNATURE, error.message, path="checkpoint")
    older = None if kept is None else _open_kept(kept, keys, checkpoint, findings)
    log = _Log(checkpoint, findings, older=older, reading=StrictReading(findings) if strict else None)
    if checkpoint.size and not (yield from log.read(progress)):
        findings.add(FindingKind.MISSING, "too much of the log is missing: the rest was not looked at")
    else:
        yield from log.compare_tiles()
        log.conclude()
    return Verdict(
        intact=not findings.count,
        size=checkpoint.size,
        root=checkpoint.root,
        findings=findings.all(),
        origin=checkpoint.origin,
        signed_by=signed_by,
    )


class _Log:
    """One log, read from left to right."""

    def __init__(
        self,
        checkpoint: SignedCheckpoint,
        findings: Findings,
        *,
        older: SignedCheckpoint | None,
        reading: StrictReading | None,
    ) -> None:
        self._checkpoint = checkpoint
        self._findings = findings
        self._older = older
        self._reading = reading
        # The row of hashes over full bundles, twice: as the entries give it and as the stored leaves do. They differ
        # only where something was changed.
        self._by_entries = bytearray()
        self._by_leaves = bytearray()
        self._edge = (b"", b"")  # leaves of the partial bundle at the right edge, by entries and as stored
        self._at_older = b""  # leaves of the bundle in which the kept checkpoint ends
        self._changed: list[tuple[int, list[bytes], bytes, bytes]] = []
        self._more_changed = 0

    def read(self, progress: Progress | None) -> Generator[Tile, bytes | None, bool]:
        """Recompute every leaf; False once so much is missing that going on makes no sense."""
        size = self._checkpoint.size
        cut_at = None if self._older is None else self._older.size // WIDTH
        for position in range((size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - position * WIDTH)
            bundle = yield from _get(Tile(None, position, width))
            stored = yield from self._leaves_stored(Tile(0, position, width))
            bodies, leaves = _recompute(bundle, width)
            if bundle is None:
                self._findings.add(
                    FindingKind.MISSING,
                    f"the entries {position * WIDTH} to {position * WIDTH + width - 1} are missing",
                    index=position * WIDTH,
                    path=Tile(None, position, width).path,
                )
                if stored is None and self._findings.count >= MOST_FINDINGS:
                    return False
            elif len(leaves) != width * HASH_SIZE:
                self._count_is_wrong(position, width, bodies, leaves, stored or b"")
                leaves = b""
            elif stored is not None and leaves != stored:
                self._keep(position, bodies, leaves, stored)
            if self._reading is not None and leaves:
                self._reading.entries(position * WIDTH, bodies)
            # Where one side cannot be had, the other stands in, so that what lies above can still be compared.
            by_entries = leaves or stored or bytes(width * HASH_SIZE)
            self._take(width, by_entries, stored or by_entries)
            if position == cut_at:
                self._at_older = by_entries
            if progress is not None:
                progress(min(size, (position + 1) * WIDTH), size)
        return True

    def _leaves_stored(self, tile: Tile) -> Generator[Tile, bytes | None, bytes | None]:
        hashes = yield from _get(tile)
        if hashes is None:
            self._findings.add(FindingKind.MISSING, "a tile of leaf hashes is missing", path=tile.path)
        elif len(hashes) != tile.width * HASH_SIZE:
            self._findings.add(
                FindingKind.MALFORMED, "a tile has another length than its place demands", path=tile.path
            )
            return None
        return hashes

    def _take(self, width: int, by_entries: bytes, by_leaves: bytes) -> None:
        if width < WIDTH:
            self._edge = (by_entries, by_leaves)
            return
        root = fold(by_entries)
        self._by_entries += root
        self._by_leaves += root if by_leaves == by_entries else fold(by_leaves)

    def _keep(self, position: int, bodies: list[bytes], leaves: bytes, stored: bytes) -> None:
        if len(self._changed) < MOST_FINDINGS:
            self._changed.append((position, bodies, leaves, stored))
        else:
            self._more_changed += 1

    def _count_is_wrong(self, position: int, width: int, bodies: list[bytes], leaves: bytes, stored: bytes) -> None:
        index = position * WIDTH
        path = Tile(None, position, width).path
        found = len(leaves) // HASH_SIZE
        at = _first_difference(leaves, stored)
        if not bodies:
            message = "a bundle of entries ends inside an entry"
        elif found < width:
            message = f"a bundle has {found} entries where {width} belong: entry {index + at} was dropped or cut off"
        else:
            message = f"a bundle has {found} entries where {width} belong: one was put in at {index + at}"
        time = time_of(bodies[at]) if at < len(bodies) else None
        self._findings.add(FindingKind.MALFORMED, message, index=index + at, time=time, path=path)

    def compare_tiles(self) -> Generator[Tile, bytes | None, None]:
        """Compare the tiles above the leaves with what lies below them."""
        by_entries, by_leaves = bytes(self._by_entries), bytes(self._by_leaves)
        for level in range(1, levels_of(self._checkpoint.size)):
            for position in range((len(by_entries) + WIDTH * HASH_SIZE - 1) // (WIDTH * HASH_SIZE)):
                start = position * WIDTH * HASH_SIZE
                one, other = (row[start : start + WIDTH * HASH_SIZE] for row in (by_entries, by_leaves))
                tile = Tile(level, position, len(one) // HASH_SIZE)
                stored = yield from _get(tile)
                if stored is None:
                    self._findings.add(FindingKind.MISSING, "a tile of hashes is missing", path=tile.path)
                elif len(stored) != len(one):
                    self._findings.add(
                        FindingKind.MALFORMED, "a tile has another length than its place demands", path=tile.path
                    )
                elif stored not in {one, other}:
                    self._tile_differs(tile, stored, one, other)
            by_entries, by_leaves = _row_above(by_entries), _row_above(by_leaves)

    def _tile_differs(self, tile: Tile, stored: bytes, by_entries: bytes, by_leaves: bytes) -> None:
        covers = WIDTH ** (tile.level or 0)
        for at in range(0, len(stored), HASH_SIZE):
            end = at + HASH_SIZE
            if stored[at:end] not in {by_entries[at:end], by_leaves[at:end]}:
                first = (tile.position * WIDTH + at // HASH_SIZE) * covers
                self._findings.add(
                    FindingKind.TILE,
                    f"the stored hash over entries {first} to {first + covers - 1} does not match them: it was "
                    "changed, or one of them together with its leaf",
                    index=first,
                    path=tile.path,
                )

    def conclude(self) -> None:
        """Compare the roots, and say which side of each difference was changed."""
        signed, size = self._checkpoint.root, self._checkpoint.size
        by_entries = _root(size, bytes(self._by_entries), self._edge[0])
        entries_are_right = by_entries == signed
        leaves_are_right = not entries_are_right and signed == _root(size, bytes(self._by_leaves), self._edge[1])
        for position, bodies, leaves, stored in self._changed:
            if entries_are_right:
                self._findings.add(
                    FindingKind.TILE,
                    "a stored leaf hash was changed; the entries are as they were signed",
                    index=position * WIDTH + _first_difference(leaves, stored),
                    path=Tile(0, position, len(bodies)).path,
                )
            else:
                self._explain(position, bodies, leaves, stored)
        if self._more_changed:
            self._findings.add(FindingKind.ENTRY, f"{self._more_changed} more bundles do not match their leaves")
        if not entries_are_right and not leaves_are_right:
            self._findings.add(FindingKind.ROOT, "the root over the entries is not the root that was signed")
        if self._older is not None and self._older.size:
            older = _root(self._older.size, bytes(self._by_entries), self._at_older)
            if older != self._older.root:
                self._findings.add(
                    FindingKind.HISTORY,
                    f"the first {self._older.size} entries are not those of the checkpoint that was kept",
                )

    def _explain(self, position: int, bodies: list[bytes], leaves: bytes, stored: bytes) -> None:
        """Name the entries of a bundle that do not match their leaves, and how they came about if that can be seen."""
        first = position * WIDTH
        path = Tile(None, position, len(bodies)).path
        was, now = _cut(stored), _cut(leaves)
        differing = [at for at in range(len(bodies)) if was[at] != now[at]]
        at, last = differing[0], differing[-1]
        if sorted(was) == sorted(now):
            told = f"entries {first + at} to {first + last} are in another order than they were recorded in"
            if len(differing) == 2:
                told = f"entries {first + at} and {first + last} have changed places"
            self._findings.add(FindingKind.ENTRY, told, index=first + at, time=time_of(bodies[at]), path=path)
            return
        if len(differing) > 1 and now[at:-1] == was[at + 1 :]:
            told = f"entry {first + at} was dropped, and those after it have moved up"
            self._findings.add(FindingKind.ENTRY, told, index=first + at, path=path)
            return
        if len(differing) > 1 and now[at + 1 :] == was[at:-1]:
            told = f"entry {first + at} was put in, and those after it have moved down"
            self._findings.add(FindingKind.ENTRY, told, index=first + at, time=time_of(bodies[at]), path=path)
            return
        for at in differing:
            self._findings.add(
                FindingKind.ENTRY,
                f"entry {first + at} does not match its leaf: it was changed after it was recorded",
                index=first + at,
                time=time_of(bodies[at]),
                path=path,
            )


def _get(tile: Tile) -> Generator[Tile, bytes | None, bytes | None]:
    """Ask for a tile; the log may have grown since, and then the full one holds what the partial one held."""
    octets = yield tile
    if octets is None and tile.width < WIDTH:
        octets = yield Tile(tile.level, tile.position)
        if octets is not None:
            return _prefix(octets, tile)
    return octets


def _prefix(octets: bytes, tile: Tile) -> bytes:
    if tile.level is not None:
        return octets[: tile.width * HASH_SIZE]
    at = 0
    for _ in range(tile.width):
        at += 2 + int.from_bytes(octets[at : at + 2])
    return octets[:at]


def _recompute(bundle: bytes | None, width: int) -> tuple[list[bytes], bytes]:
    """Take a bundle apart: bodies, and their leaf hashes laid end to end. Nothing for what ends inside an entry."""
    if bundle is None:
        return [], b""
    bodies: list[bytes] = []
    take, length_at = bodies.append, _LENGTH.unpack_from
    at, end = 0, len(bundle)
    try:
        while at < end:
            start = at + 2
            at = start + length_at(bundle, at)[0]
            take(bundle[start:at])
    except struct.error:
        return [], b""
    if at != end:
        return [], b""
    leaves: list[bytes] = []
    put, leaf = leaves.append, _LEAF.copy
    for body in bodies:
        hashing = leaf()  # cheaper than a new hash over prefix and body laid together
        hashing.update(body)
        put(hashing.digest())
    return bodies, b"".join(leaves)


def _row_above(row: bytes) -> bytes:
    step = WIDTH * HASH_SIZE
    return b"".join(fold(row[at : at + step]) for at in range(0, len(row) - step + 1, step))


def _root(size: int, row: bytes, edge: bytes) -> bytes:
    """Root over the first ``size`` leaves, from the row over full bundles and the leaves of the bundle they end in."""
    if not size:
        return EMPTY_ROOT
    rows = [b"", row]
    for _ in range(2, levels_of(size)):
        rows.append(_row_above(rows[-1]))

    def read(tile: Tile) -> bytes:
        length = tile.width * HASH_SIZE
        if tile.level == 0:
            return edge[:length]
        start = tile.position * WIDTH * HASH_SIZE
        return rows[tile.level or 0][start : start + length]

    return Tree.of(size, subtrees_in(size, read)).root()


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]


def _first_difference(one: bytes, other: bytes) -> int:
    """The first hash in which two rows differ."""
    for at, (left, right) in enumerate(zip(_cut(one), _cut(other), strict=False)):
        if left != right:
            return at
    return min(len(one), len(other)) // HASH_SIZE


def _names(verified: Verified) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.name for key in (*verified.log_keys, *verified.witness_keys)))


def _open_kept(
    kept: str, keys: tuple[VerifierKey, ...], checkpoint: SignedCheckpoint, findings: Findings
) -> SignedCheckpoint | None:
    """Check the caller's own checkpoint; None where it says nothing about what the log holds now."""
    try:
        older = open_checkpoint(kept, keys).checkpoint
    except AegisError as error:
        if error.code is not ErrorCode.INTEGRITY:
            raise
        findings.add(FindingKind.HISTORY, f"the checkpoint that was kept does not count: {error.message}")
        return None
    if older.origin != checkpoint.origin:
        findings.add(FindingKind.HISTORY, "the checkpoint that was kept is of another log")
    elif older.size > checkpoint.size:
        findings.add(
            FindingKind.HISTORY,
            f"the log ends at {checkpoint.size} entries and once had {older.size}: its tail was cut, or an old state "
            "was put back",
        )
    else:
        return older
    return None
