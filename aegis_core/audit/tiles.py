"""Where the hashes and entries of a log lie: C2SP tlog-tiles. Names, codecs and what a growth writes; no I/O."""

import re
from collections.abc import Callable, Iterable, Sequence
from struct import pack
from typing import Final, NoReturn, TypeAlias

import attrs

from aegis_core.audit.tree import HASH_SIZE, Subtrees, fold
from aegis_core.kernel.errors import AegisError, ErrorCode

WIDTH: Final = 256  #: hashes in a full tile, entries in a full bundle
LARGEST_BODY: Final = 65_535  #: bytes of an entry that its length prefix can tell

_NAME: Final = re.compile(r"tile/(entries|[0-5])/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


@attrs.frozen
class Tile:
    """Names one tile, or one bundle of entries.

    Arguments:
        level: 0 holds leaf hashes, each level above one hash for each full tile below; None names a bundle of entries.
        position: from the left, from 0.
        width: hashes or entries in it, 1 to 256; below 256 the tile is partial.
    """

    level: int | None
    position: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's folder, with ``/`` between the parts: ``tile/0/x001/x234/067.p/3``."""
        groups = [f"{self.position % 1000:03d}"]
        rest = self.position // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        kind = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(reversed(groups))}{partial}"

    @classmethod
    def at(cls, path: str, /) -> "Tile":
        """Read a path.

        Raises:
            AegisError: ``invalid_argument`` for anything that `path` never spells.
        """
        match = _NAME.fullmatch(path)
        if match is None:
            _refuse("this is not the path of a tile")
        kind, groups, width = match.groups()
        level = None if kind == "entries" else int(kind)
        position = int(groups.replace("/", "").replace("x", ""))
        tile = cls(level, position, WIDTH if width is None else int(width))
        if tile.path != path:
            _refuse("this is not the path of a tile")
        return tile


#: Reads the hashes of a tile, ``width`` × 32 bytes.
TileHashes: TypeAlias = Callable[[Tile], bytes]


def tiles_of(size: int, /) -> list[Tile]:
    """Every tile of hashes in a tree, level by level from the leaves, each from the left; the last may be partial."""
    return [tile for level in range(levels_of(size)) for tile in _row(level, 0, size >> (8 * level))]


def bundles_of(size: int, /) -> list[Tile]:
    """Every bundle of entries in a log of a size, from the left; the last may be partial."""
    return _row(None, 0, size)


def tiles_grown(old: int, new: int, /) -> list[Tile]:
    """Tiles and bundles that a log of ``new`` entries has and one of ``old`` had not.

    Bundles come first, then tiles from the leaves upwards: written in this order, and the checkpoint last, a reader
    never finds a hash whose entries are not there.
    """
    if not 0 <= old <= new:
        _refuse("a log never shrinks")
    grown = _row(None, old, new)
    for level in range(levels_of(new)):
        grown += _row(level, old >> (8 * level), new >> (8 * level))
    return grown


def tiles_dropped(old: int, new: int, /) -> list[Tile]:
    """Partial tiles and bundles of the log of ``old`` entries that may go once the checkpoint of ``new`` is out.

    Those whose full tile is there by then. Narrower ones of the same position, from checkpoints before, may go with
    them: all lie under the full tile's path with ``.p/`` behind it.
    """
    if not 0 <= old <= new:
        _refuse("a log never shrinks")
    dropped: list[Tile] = []
    for level in (None, *range(levels_of(old))):
        shift = 8 * (level or 0)
        position, width = divmod(old >> shift, WIDTH)
        if width and (new >> shift) // WIDTH > position:
            dropped.append(Tile(level, position, width))
    return dropped


def levels_of(size: int, /) -> int:
    """Levels that have tiles in a tree of a size."""
    return (size.bit_length() + 7) // 8


def encode_bundle(entries: Iterable[bytes], /) -> bytes:
    """Lay entries into a bundle, each with a big-endian uint16 length in front.

    Raises:
        AegisError: ``invalid_argument`` for an entry over 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > LARGEST_BODY:
            _refuse(f"an entry is at most {LARGEST_BODY} bytes: store the body elsewhere and record its digest")
        parts += (pack(">H", len(entry)), entry)
    return b"".join(parts)


def decode_bundle(bundle: bytes, /) -> list[bytes]:
    """Take the entries out of a bundle.

    Raises:
        AegisError: ``invalid_argument`` for a bundle that ends inside an entry, or is empty.
    """
    entries: list[bytes] = []
    at, end = 0, len(bundle)
    while at + 2 <= end:
        start = at + 2
        at = start + (bundle[at] << 8 | bundle[at + 1])
        entries.append(bundle[start:at])
    if at != end or not entries:
        _refuse("a bundle ends inside an entry")
    return entries


def subtrees_in(size: int, read: TileHashes, /) -> Subtrees:
    """Roots of complete subtrees, computed from the tiles of a tree of a size.

    Arguments:
        read: called for tiles of this tree only, each at most once; what it returns has the tile's full length.
    """
    known: dict[Tile, bytes] = {}

    def subtree(level: int, position: int) -> bytes:
        tile, start, stop = _place(size, level, position)
        hashes = known.get(tile)
        if hashes is None:
            hashes = known[tile] = read(tile)
            if len(hashes) != tile.width * HASH_SIZE:
                raise AegisError(ErrorCode.INTEGRITY, f"{tile.path} has another length than its width demands")
        return fold(hashes[start * HASH_SIZE : stop * HASH_SIZE])

    return subtree


def tiles_for(size: int, nodes: Iterable[tuple[int, int]], /) -> list[Tile]:
    """Tiles that `subtrees_in` will read for these (level, position) pairs, so that they can be fetched first."""
    return list(dict.fromkeys(_place(size, level, position)[0] for level, position in nodes))


class TileWriter:
    """Collects the hashes of a growing log into tiles, keeping only the right edge: at most 255 hashes a level.

    Arguments:
        size: leaves so far.
        edges: for each level, from the leaves up, the hashes of its partial tile, laid end to end.
    """

    __slots__ = ("_edges", "_finished", "_size")

    def __init__(self, size: int = 0, edges: Sequence[bytes] = ()) -> None:
        self._size = size
        self._edges = [bytearray(edge) for edge in edges]
        self._finished: list[tuple[Tile, bytes]] = []
        self._edges += [bytearray() for _ in range(levels_of(size) - len(self._edges))]
        if any(len(edge) != (size >> (8 * level)) % WIDTH * HASH_SIZE for level, edge in enumerate(self._edges)):
            _refuse("the partial tiles of a log do not fit its size")

    @classmethod
    def of(cls, size: int, read: TileHashes, /) -> "TileWriter":
        """Take up a log where it was left, from its partial tiles."""
        edges: list[bytes] = []
        for level in range(levels_of(size)):
            position, width = divmod(size >> (8 * level), WIDTH)
            edges.append(read(Tile(level, position, width)) if width else b"")
        return cls(size, edges)

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    def extend(self, leaves: Iterable[bytes], /) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self._size += 1
            self._put(0, leaf)

    def _put(self, level: int, node: bytes) -> None:
        if level == len(self._edges):
            self._edges.append(bytearray())
        edge = self._edges[level]
        edge += node
        if len(edge) == WIDTH * HASH_SIZE:
            hashes = bytes(edge)
            edge.clear()
            self._finished.append((Tile(level, (self._size >> (8 * (level + 1))) - 1), hashes))
            self._put(level + 1, fold(hashes))

    def take(self) -> list[tuple[Tile, bytes]]:
        """Full tiles since the last call and, as they stand now, the partial ones: what a checkpoint needs on disk."""
        tiles = self._finished
        self._finished = []
        for level, edge in enumerate(self._edges):
            if edge:
                width = len(edge) // HASH_SIZE
                tiles.append((Tile(level, self._size >> (8 * (level + 1)), width), bytes(edge)))
        return tiles


def _row(level: int | None, old: int, new: int) -> list[Tile]:
    """Tiles of one level for hashes ``old`` to ``new``, the one in which ``old`` ends included if it grew."""
    if old == new:
        return []
    full, width = divmod(new, WIDTH)
    row = [Tile(level, position) for position in range(old // WIDTH, full)]
    if width:
        row.append(Tile(level, full, width))
    return row


def _place(size: int, level: int, position: int) -> tuple[Tile, int, int]:
    """The tile that has a complete subtree's hashes, and which of them."""
    tile_level, inner = divmod(level, 8)
    at = position << inner
    number, start = divmod(at, WIDTH)
    row = size >> (8 * tile_level)
    width = min(WIDTH, row - number * WIDTH)
    stop = start + (1 << inner)
    if stop > width:
        _refuse("this subtree is not complete in a tree of this size")
    return Tile(tile_level, number, width), start, stop


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="audit.tiles")
