"""The verifier: every kind of damage to a log is found, and where it can be known, the entry is named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit.entry import encode_entry, parse_time
from aegis_core.audit.findings import MOST_FINDINGS
from aegis_core.audit.model import FindingKind, Verdict
from aegis_core.audit.note import Note, NoteSignature
from aegis_core.audit.tiles import Tile, encode_bundle, tiles_dropped
from aegis_core.audit.tree import leaf_hash
from aegis_core.audit.verifier import verify_folder
from aegis_core.kernel.errors import AegisError, ErrorCode
from tests.unit.audit.tiled import (
    BEGAN_NS,
    BODIES,
    OTHER_LOG,
    SIGNER,
    SIZE,
    STRANGER,
    event,
    flip_entry,
    note_of,
    put,
    verify,
    write_bundles,
    write_log,
)

K = FindingKind


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 700])
@pytest.mark.parametrize("strict", [False, True])
def test_an_untouched_log_is_intact(tmp_path: Path, size: int, strict: bool) -> None:
    verdict = verify(write_log(tmp_path, BODIES[:size]), strict=strict)
    assert verdict == Verdict(
        intact=True,
        size=size,
        root=verdict.root,
        origin=SIGNER.origin,
        signed_by=(SIGNER.origin,),
    )


def test_three_levels_of_tiles_are_intact_and_damage_above_is_found(tmp_path: Path) -> None:
    bodies = [b"%d" % number for number in range(65_536 + 300)]
    write_log(tmp_path, bodies)
    assert verify(tmp_path).intact
    top = tmp_path / "tile/2/000.p/1"
    put(top, bytes(32))
    verdict = verify(tmp_path)
    assert [(finding.kind, finding.path) for finding in verdict.findings] == [(K.TILE, "tile/2/000.p/1")]


# Each takes the log's folder and damages it: what must be found, at which entry.
def flip_entry_and_leaf(folder: Path) -> None:
    flip_entry(folder)
    path = folder / Tile(0, 1).path
    hashes = bytearray(path.read_bytes())
    hashes[44 * 32 : 45 * 32] = leaf_hash(BODIES[300].replace(b"dr-somchai", b"dr-malee.."))
    path.write_bytes(hashes)


def rewrite_all_but_the_checkpoint(folder: Path) -> None:
    changed = [*BODIES]
    changed[300] = BODIES[300].replace(b"dr-somchai", b"dr-malee..")
    write_log(folder, changed, note=note_of(BODIES))


def swap(folder: Path) -> None:
    changed = [*BODIES]
    changed[10], changed[20] = changed[20], changed[10]
    write_bundles(folder, changed)


def insert(folder: Path) -> None:
    write_bundles(folder, [*BODIES[:30], encode_entry(event(9_999)), *BODIES[30:-1]])


def insert_into_one_bundle(folder: Path) -> None:
    put(folder / Tile(None, 0).path, encode_bundle([*BODIES[:30], encode_entry(event(9_999)), *BODIES[30:256]]))


def drop(folder: Path) -> None:
    write_bundles(folder, [*BODIES[:30], *BODIES[31:], encode_entry(event(9_999))])


def drop_from_one_bundle(folder: Path) -> None:
    put(folder / Tile(None, 0).path, encode_bundle([*BODIES[:30], *BODIES[31:256]]))


def cut_tail(folder: Path) -> None:
    put(folder / Tile(None, 2, 188).path, encode_bundle(BODIES[512:690]))


def cut_inside_an_entry(folder: Path) -> None:
    path = folder / Tile(None, 2, 188).path
    path.write_bytes(path.read_bytes()[:-5])


def lose_bundle(folder: Path) -> None:
    (folder / Tile(None, 1).path).unlink()


def lose_leaves(folder: Path) -> None:
    (folder / Tile(0, 1).path).unlink()


def lose_tile(folder: Path) -> None:
    (folder / Tile(1, 0, 2).path).unlink()


def flip_leaf(folder: Path) -> None:
    flip_byte(folder / Tile(0, 1).path, 44 * 32 + 3)


def flip_node(folder: Path) -> None:
    flip_byte(folder / Tile(1, 0, 2).path, 40)


def cut_leaves(folder: Path) -> None:
    path = folder / Tile(0, 2, 188).path
    path.write_bytes(path.read_bytes()[:-32])


def lengthen_tile(folder: Path) -> None:
    path = folder / Tile(1, 0, 2).path
    path.write_bytes(path.read_bytes() + bytes(32))


def sign_as_a_stranger(folder: Path) -> None:
    put(folder / "checkpoint", note_of(BODIES, STRANGER).encode())


def sign_as_another_log(folder: Path) -> None:
    put(folder / "checkpoint", note_of(BODIES, OTHER_LOG).encode())


def lie_about_the_size(folder: Path) -> None:
    put(folder / "checkpoint", (folder / "checkpoint").read_bytes().replace(b"\n700\n", b"\n699\n"))


def claim_a_huge_size(folder: Path) -> None:
    put(folder / "checkpoint", (folder / "checkpoint").read_bytes().replace(b"\n700\n", b"\n7000000000000000000\n"))


def forge_the_signature(folder: Path) -> None:
    note = Note.decode((folder / "checkpoint").read_text())
    first, *others = note.signatures
    forged = NoteSignature(first.name, first.key_id, bytes(64))
    put(folder / "checkpoint", Note(note.text, (forged, *others)).encode().encode())


def garble_the_checkpoint(folder: Path) -> None:
    put(folder / "checkpoint", b"\xff\xfe")


def lose_the_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").unlink()


def flip_byte(path: Path, at: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)


DAMAGE: dict[Callable[[Path], None], tuple[FindingKind, int | None, str]] = {
    flip_entry: (K.ENTRY, 300, "entry 300 does not match its leaf"),
    flip_entry_and_leaf: (K.TILE, 256, "entries 256 to 511"),
    rewrite_all_but_the_checkpoint: (K.ROOT, None, "not the root that was signed"),
    swap: (K.ENTRY, 10, "entries 10 and 20 have changed places"),
    insert: (K.ENTRY, 30, "entry 30 was put in"),
    insert_into_one_bundle: (K.MALFORMED, 30, "one was put in at 30"),
    drop: (K.ENTRY, 30, "entry 30 was dropped"),
    drop_from_one_bundle: (K.MALFORMED, 30, "entry 30 was dropped"),
    cut_tail: (K.MALFORMED, 690, "178 entries where 188 belong: entry 690"),
    cut_inside_an_entry: (K.MALFORMED, 512, "ends inside an entry"),
    lose_bundle: (K.MISSING, 256, "the entries 256 to 511 are missing"),
    lose_leaves: (K.MISSING, None, "leaf hashes is missing"),
    lose_tile: (K.MISSING, None, "tile of hashes is missing"),
    flip_leaf: (K.TILE, 300, "a stored leaf hash was changed"),
    flip_node: (K.TILE, 256, "the stored hash over entries 256 to 511"),
    cut_leaves: (K.MALFORMED, None, "another length"),
    lengthen_tile: (K.MALFORMED, None, "another length"),
    sign_as_a_stranger: (K.SIGNATURE, None, "not signed by a known key"),
    sign_as_another_log: (K.SIGNATURE, None, "not signed by a known key of the log"),
    lie_about_the_size: (K.SIGNATURE, None, "signature"),
    claim_a_huge_size: (K.SIGNATURE, None, "signature"),
    forge_the_signature: (K.SIGNATURE, None, "signature"),
    garble_the_checkpoint: (K.CHECKPOINT, None, "cannot be read"),
    lose_the_checkpoint: (K.CHECKPOINT, None, "missing"),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(write_log(tmp_path, BODIES))
    kind, index, words = DAMAGE[damage]
    verdict = verify(tmp_path)
    assert not verdict.intact
    finding = next(finding for finding in verdict.findings if finding.kind is kind)
    assert finding.index == index
    assert words in finding.message
    assert len(verdict.findings) <= MOST_FINDINGS + 1


def test_a_changed_entry_is_named_with_its_time(tmp_path: Path) -> None:
    flip_entry(write_log(tmp_path, BODIES))
    (finding,) = verify(tmp_path).findings
    assert finding.time is not None
    assert parse_time(finding.time) == BEGAN_NS + 300 * 10**9
    assert finding.path == "tile/entries/001"


@given(st.data())
def test_any_flipped_bit_anywhere_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([1, 100, 256, 300, 520]))
    folder = write_log(tmp_path_factory.mktemp("log"), BODIES[:size])
    path = data.draw(st.sampled_from(sorted(path for path in folder.rglob("*") if path.is_file())))
    octets = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[at // 8] ^= 1 << at % 8
    path.write_bytes(octets)
    if verify(folder).intact:
        # A signature that names a key nobody knows is ignored, so that keys can be rotated: the other one vouches.
        assert path.name == "checkpoint"
        assert octets.startswith(Note.decode(note_of(BODIES[:size])).text.encode() + "\n—".encode())


def test_the_whole_log_may_be_rewritten_but_not_against_a_kept_checkpoint(tmp_path: Path) -> None:
    kept = note_of(BODIES[:333])
    changed = [*BODIES]
    changed[300] = BODIES[300].replace(b"dr-somchai", b"dr-malee..")
    write_log(tmp_path, changed)  # by who has the signing keys
    assert verify(tmp_path).intact
    (finding,) = verify(tmp_path, kept=kept).findings
    assert finding.kind is K.HISTORY
    assert "first 333 entries" in finding.message


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 513, 699, 700])
def test_a_log_that_only_grew_agrees_with_what_was_kept(tmp_path: Path, size: int) -> None:
    folder = write_log(tmp_path, BODIES)
    assert verify(folder, kept=note_of(BODIES[:size])).intact
    if size:
        other = [*BODIES[: size - 1], b"another"]
        assert [finding.kind for finding in verify(folder, kept=note_of(other)).findings] == [K.HISTORY]


def test_an_old_state_put_back_is_found(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES[:600])
    (finding,) = verify(folder, kept=note_of(BODIES)).findings
    assert finding.kind is K.HISTORY
    assert "its tail was cut" in finding.message


def test_a_kept_checkpoint_of_a_stranger_or_of_another_log_does_not_count(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES)
    keys = (*SIGNER.verifier_keys, *OTHER_LOG.verifier_keys)
    for signer in (STRANGER, OTHER_LOG):
        (finding,) = verify_folder(folder, keys, kept=note_of(BODIES, signer)).findings
        assert finding.kind is K.HISTORY


def test_a_log_that_has_grown_past_its_checkpoint_verifies_from_the_full_tiles(tmp_path: Path) -> None:
    write_log(tmp_path, BODIES[:400])
    write_log(tmp_path, BODIES, note=note_of(BODIES[:400]))
    for tile in tiles_dropped(400, SIZE):  # as a writer does before a reader has seen the newer checkpoint
        (tmp_path / tile.path).unlink()
    assert verify(tmp_path, strict=True).intact
    flip_byte(tmp_path / Tile(None, 1).path, 100)
    assert [(f.kind, f.index) for f in verify(tmp_path).findings] == [(K.ENTRY, 256)]


def test_a_log_that_grows_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES[:100])

    def grow(seen: int, size: int) -> None:
        if size == 100 and not (folder / "tile/1").exists():
            for path in (Tile(None, 0, 100), Tile(0, 0, 100)):
                (folder / path.path).unlink(missing_ok=True)
            write_log(folder, BODIES[:300])

    (folder / Tile(0, 0, 100).path).unlink()  # as if it had just been dropped
    verdict = verify(folder, progress=grow)
    assert verdict.intact
    assert verdict.size == 300


def test_a_log_that_never_stands_still_is_for_later(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES[:100])
    (folder / Tile(None, 0, 100).path).unlink()
    count = iter(range(1, 10))

    def grow(seen: int, size: int) -> None:
        put(folder / "checkpoint", SIGNER.sign(100, bytes(32), timestamp=next(count)).note.encode())

    with pytest.raises(AegisError) as caught:
        verify(folder, progress=grow)
    assert caught.value.code is ErrorCode.UNAVAILABLE
