"""Tiles: names, bundles, what a growth writes and may drop, and taking a log up from its tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.tiles import (
    Tile,
    TileWriter,
    bundles_of,
    decode_bundle,
    encode_bundle,
    subtrees_in,
    tiles_dropped,
    tiles_for,
    tiles_grown,
    tiles_of,
)
from aegis_core.audit.tree import (
    Tree,
    consistency_proof,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    subtree_nodes,
    verify_consistency,
    verify_inclusion,
)
from aegis_core.kernel.errors import AegisError, ErrorCode

BIG = 70_000  # three levels of tiles
LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(BIG)]


def test_paths_as_the_specification_spells_them() -> None:
    assert Tile(0, 0).path == "tile/0/000"
    assert Tile(3, 1_234_067).path == "tile/3/x001/x234/067"
    assert Tile(0, 1_234_067, 3).path == "tile/0/x001/x234/067.p/3"
    assert Tile(None, 999, 255).path == "tile/entries/999.p/255"
    assert Tile(None, 1000).path == "tile/entries/x001/000"


@given(st.none() | st.integers(0, 5), st.integers(0, 10**10), st.integers(1, 256))
def test_paths_come_back(level: int | None, position: int, width: int) -> None:
    tile = Tile(level, position, width)
    assert Tile.at(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/6/000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/x001/x234/067\n",
        "tile/0/٠٠٠",
        "checkpoint",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(AegisError):
        Tile.at(path)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=20))
def test_bundles_come_back(entries: list[bytes]) -> None:
    bundle = encode_bundle(entries)
    assert decode_bundle(bundle) == entries
    assert len(bundle) == sum(map(len, entries)) + 2 * len(entries)
    for cut in {1, len(bundle) // 2, len(bundle) - 1}:
        whole = {sum(len(entry) + 2 for entry in entries[:count]) for count in range(1, len(entries))}
        if 0 < cut < len(bundle) and cut not in whole:
            with pytest.raises(AegisError):
                decode_bundle(bundle[:cut])


def test_the_largest_entry_fits_and_one_more_byte_does_not() -> None:
    assert decode_bundle(encode_bundle([b"a" * 65_535])) == [b"a" * 65_535]
    with pytest.raises(AegisError) as caught:
        encode_bundle([b"a" * 65_536])
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(AegisError):
        decode_bundle(b"")


def test_which_tiles_a_tree_has() -> None:
    assert tiles_of(0) == bundles_of(0) == []
    assert [tile.path for tile in tiles_of(1)] == ["tile/0/000.p/1"]
    assert [tile.path for tile in tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [tile.path for tile in tiles_of(70_000)][-2:] == ["tile/1/001.p/17", "tile/2/000.p/1"]
    assert [tile.path for tile in bundles_of(257)] == ["tile/entries/000", "tile/entries/001.p/1"]
    for size in (1, 255, 256, 257, 65_535, 65_536, 65_537):
        for level in range(4):  # FORMATS: a partial tile has (s // 256**L) mod 256 hashes, and none is empty
            widths = [tile.width for tile in tiles_of(size) if tile.level == level]
            assert sum(widths) == size // 256**level
            assert all(width == 256 for width in widths[:-1])


@given(st.integers(0, BIG), st.integers(0, BIG))
def test_growing_writes_what_is_new_and_drops_what_is_partial(one: int, other: int) -> None:
    old, new = sorted((one, other))
    before, after = {*tiles_of(old), *bundles_of(old)}, {*tiles_of(new), *bundles_of(new)}
    assert set(tiles_grown(old, new)) == after - before
    full = {(tile.level, tile.position) for tile in after if tile.width == 256}
    assert set(tiles_dropped(old, new)) == {tile for tile in before - after if (tile.level, tile.position) in full}
    assert all(tile.width < 256 for tile in before - after)
    with pytest.raises(AegisError):
        tiles_grown(new + 1, new)
    with pytest.raises(AegisError):
        tiles_dropped(new + 1, new)


def test_a_log_can_be_written_left_and_taken_up_anywhere() -> None:
    kept: dict[Tile, bytes] = {}
    size = 0
    for step in (1, 254, 1, 1, 300, 65_000, 443, 0, 4_000):
        writer = TileWriter.of(size, kept.__getitem__)
        tree = Tree.of(size, subtrees_in(size, kept.__getitem__))
        new = size + step
        writer.extend(LEAVES[size:new])
        tree.extend(LEAVES[size:new])
        taken = dict(writer.take())
        assert {tile for tile in tiles_grown(size, new) if tile.level is not None} <= taken.keys() <= set(tiles_of(new))
        kept |= taken
        for tile in tiles_dropped(size, new):
            kept.pop(tile, None)
        assert kept.keys() >= set(tiles_of(new))
        whole = Tree()
        whole.extend(LEAVES[:new])
        assert tree.root() == whole.root()
        assert Tree.of(new, subtrees_in(new, kept.__getitem__)).root() == whole.root()
        size = new
    assert size == BIG
    subtrees = subtrees_in(size, kept.__getitem__)
    for index in (0, 1, 255, 256, 65_535, 65_536, BIG - 1):
        proof = inclusion_proof(index, size, subtrees)
        assert verify_inclusion(LEAVES[index], index, size, proof, whole.root())
        nodes = [node for start, stop in inclusion_ranges(index, size) for node in subtree_nodes(start, stop)]
        fetched = {tile: kept[tile] for tile in tiles_for(size, nodes)}
        assert inclusion_proof(index, size, subtrees_in(size, fetched.__getitem__)) == proof
    for old in (1, 255, 256, 257, 65_536, BIG - 1):
        smaller = Tree()
        smaller.extend(LEAVES[:old])
        proof = consistency_proof(old, size, subtrees)
        assert verify_consistency(old, smaller.root(), size, whole.root(), proof)


def test_partial_tiles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AegisError):
        TileWriter(3, [b"\0" * 32])
    with pytest.raises(AegisError) as caught:
        subtrees_in(3, lambda _: b"\0" * 32)(0, 0)
    assert caught.value.code is ErrorCode.INTEGRITY
    with pytest.raises(AegisError):
        subtrees_in(3, lambda _: b"\0" * 96)(1, 1)
