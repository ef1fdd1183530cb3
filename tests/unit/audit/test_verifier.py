"""The verifier: every kind of damage to a log is found, and where it can be known, the entry is named."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.audit import canonical
from aegis_core.audit.canonical import decode
from aegis_core.audit.entry import check_entry, encode_entry, parse_time
from aegis_core.audit.findings import MOST_FINDINGS, Findings
from aegis_core.audit.model import FindingKind, Verdict
from aegis_core.audit.note import Note, NoteSignature
from aegis_core.audit.reading import StrictReading
from aegis_core.audit.shape import shape_of
from aegis_core.audit.tiles import Tile, encode_bundle, tiles_dropped
from aegis_core.audit.tree import leaf_hash
from aegis_core.audit.verifier import INTACT, NOT_INTACT, TRY_AGAIN, USAGE, verifier_main, verify_folder
from aegis_core.kernel.errors import AegisError, ErrorCode
from tests.unit.audit.tiled import (
    BEGAN_NS,
    OTHER_LOG,
    SIGNER,
    STRANGER,
    bodies_of,
    event,
    note_of,
    put,
    write_bundles,
    write_log,
)

SIZE = 700  # two full bundles and a partial one
BODIES = bodies_of(SIZE)
K = FindingKind


def verify(folder: Path, **options: object) -> Verdict:
    return verify_folder(folder, SIGNER.verifier_keys, **options)  # type: ignore[arg-type]


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
def flip_entry(folder: Path) -> None:
    changed = [*BODIES]
    changed[300] = BODIES[300].replace(b"dr-somchai", b"dr-malee..")
    write_bundles(folder, changed)


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


# --- strict reading -------------------------------------------------------------------------------------------------

ODD: dict[str, tuple[bytes, FindingKind]] = {
    "not JSON": (b"nothing", K.CANONICAL),
    "a float": (encode_entry(event(5)).replace(b'"number":5', b'"number":5.5'), K.CANONICAL),
    "white space": (b" " + encode_entry(event(5)), K.CANONICAL),
    "a member twice": (encode_entry(event(5)).replace(b'"v":1', b'"v":1,"v":1'), K.CANONICAL),
    "a field twice": (encode_entry(event(5)).replace(b'"ward":"4B"', b'"ward":"4B","ward":"4B"'), K.CANONICAL),
    "fields out of order": (
        encode_entry(event(5)).replace(b'"number":5,"ward":"4B"', b'"ward":"4B","number":5'),
        K.CANONICAL,
    ),
    "a huge integer": (encode_entry(event(5)).replace(b'"number":5', b'"number":9007199254740992'), K.CANONICAL),
    "a newer version": (encode_entry(event(5)).replace(b'"v":1', b'"v":2'), K.CANONICAL),
    "an unknown member": (encode_entry(event(5)).replace(b'"v":1', b'"v":1,"vx":1'), K.CANONICAL),
    "a day that does not exist": (encode_entry(event(5)).replace(b"2026-11-24", b"2026-11-31"), K.CANONICAL),
    "an hour that does not exist": (encode_entry(event(5)).replace(b"T08:", b"T24:"), K.CANONICAL),
    "an hour that does not exist on an earlier day": (
        encode_entry(event(5)).replace(b"2026-11-24T08:", b"2026-11-23T24:"),
        K.CANONICAL,
    ),
    "broken UTF-8 after a text in Thai": (
        encode_entry(event(5, data={"number": 4, "ward": "อายุรกรรม"})).replace(b"\xe0\xb8\xad", b"\xe0\xb8\x2d", 1),
        K.CANONICAL,
    ),
    "broken UTF-8": (encode_entry(event(5)).replace(b"4B", b"4\xff"), K.CANONICAL),
    "an id twice": (encode_entry(event(5, event_id=event(2).event_id)), K.DUPLICATE),
    "an id twice in one bundle": (encode_entry(event(5, event_id=event(4).event_id)), K.DUPLICATE),
    "two days back": (encode_entry(event(5, time_ns=BEGAN_NS - 2 * 86_400 * 10**9)), K.ORDER),
}


@pytest.mark.parametrize("what", ODD)
def test_strict_reading_finds_what_hashes_cannot(tmp_path: Path, what: str) -> None:
    body, kind = ODD[what]
    write_log(tmp_path, [*BODIES[:5], body, *BODIES[6:300]])
    assert verify(tmp_path).intact
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(kind, 5)]


UNUSUAL = [
    event(1, data={"note": "line\nbreak"}),
    event(1, data={"ward": "อายุรกรรม"}),
    event(1, data={"deep": {"er": [{"est": [1, True, None, "x"]}]}}),
    event(1, data={"n": [], "negative": -5, "zero": 0}),
    event(1, who="สมชาย"),
    event(1, who='quo"te'),
    event(1, who=None, verified_by=None, roles=(), purpose=None, subject=None, data={}, sealed={}),
    event(1, tenant="eu", trace_id="00", correlation_id="c", request_id="r", operation="o"),
    event(1, time_ns=BEGAN_NS - 3_600 * 10**9),
]


@pytest.mark.parametrize("at", range(len(UNUSUAL)))
def test_strict_reading_takes_every_honest_entry(tmp_path: Path, at: int) -> None:
    write_log(tmp_path, [encode_entry(event(0)), encode_entry(UNUSUAL[at]), *BODIES[2:10]])
    assert verify(tmp_path, strict=True).findings == ()


@given(st.binary(min_size=1, max_size=3) | st.sampled_from([b"\\n", b'","', b"1.5", b"-0", b"07", b'"b":']), st.data())
def test_what_the_shapes_let_through_the_careful_reading_lets_through(junk: bytes, data: st.DataObject) -> None:
    drawn = data.draw(st.sampled_from([event(1), event(2), *UNUSUAL]))
    body = encode_entry(drawn)
    at = data.draw(st.integers(0, len(body)))
    changed = body[:at] + junk + body[at + data.draw(st.integers(0, 3)) :]
    try:
        parse_time(str(check_entry(decode(changed))["t"]))
        is_entry = True
    except AegisError:
        is_entry = False
    findings = Findings()
    reading = StrictReading(findings)
    # The shape is learnt from another entry first, so that the changed one is held against it.
    reading.entries(0, [encode_entry(attrs.evolve(drawn, event_id=UUID(int=number))) for number in range(3)])
    assert findings.count == 0
    reading.entries(3, [changed])
    assert (K.CANONICAL not in {finding.kind for finding in findings.all()}) is is_entry


def test_many_shapes_are_read_alike(tmp_path: Path) -> None:
    """More actions and more shapes of one action than are learnt."""
    events = [event(n, action=f"action.{n % 300}", data={f"field{n % 17}": n, "text": "ก"}) for n in range(900)]
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert verify(tmp_path, strict=True).findings == ()
    events[700] = attrs.evolve(events[700], event_id=events[699].event_id)
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(K.DUPLICATE, 700)]


def test_an_id_that_comes_again_much_later_is_found_once_for_each_time(tmp_path: Path) -> None:
    events = [event(n) for n in range(600)]
    for at in (300, 301, 599):
        events[at] = attrs.evolve(events[at], event_id=events[5].event_id)
    write_log(tmp_path, [encode_entry(each) for each in events])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [
        (K.DUPLICATE, 300),
        (K.DUPLICATE, 301),
        (K.DUPLICATE, 599),
    ]


def test_a_pattern_holds_what_it_was_made_from_and_nothing_looser() -> None:
    body = encode_entry(event(5, data={"list": [], "texts": ["a"], "deep": {"n": -5, "none": None, "yes": True}}))
    shape = shape_of(check_entry(decode(body)))
    assert shape is not None
    assert shape(body) is not None
    for old, new in [
        (b'"n":-5', b'"n":-05'),
        (b'"n":-5', b'"n":5.5'),
        (b'"n":-5', b'"n":-0'),
        (b'"n":-5', b'"n":9007199254740992'),
        (b'"n":-5', b'"n":"5"'),
        (b'"yes":true', b'"yes":truE'),
        (b'"list":[]', b'"list":[1]'),
        (b'["a"]', b'["a",]'),
        (b'["a"]', b'["a",1]'),
        (b'"texts"', b'"textz"'),
        (b'"v":1', b'"v":2'),
        (b'"a"', b'"a\n"'),
        (b'"a"', b'"\\u0041"'),
        (b'"success"', b'"perhaps"'),
    ]:
        assert old in body
        assert shape(body.replace(old, new, 1)) is None
    assert shape_of(check_entry(decode(encode_entry(event(5, data={f"f{n}": n for n in range(999)}))))) is None


def test_strict_reading_works_without_an_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "accelerator", lambda: None)
    write_log(tmp_path, BODIES[:300])
    assert verify(tmp_path, strict=True).intact
    write_log(tmp_path, [*BODIES[:5], ODD["fields out of order"][0], *BODIES[6:300]])
    assert [(f.kind, f.index) for f in verify(tmp_path, strict=True).findings] == [(K.CANONICAL, 5)]


# --- the program ----------------------------------------------------------------------------------------------------


def run(folder: Path, *more: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = verifier_main([str(folder), "--key", SIGNER.verifier_keys[0].encode(), *more], out=out, err=err)
    return status, out.getvalue(), err.getvalue()


def test_the_program_says_intact_and_exits_0(tmp_path: Path) -> None:
    status, out, _ = run(write_log(tmp_path, bodies_of(1500)), "--strict")
    assert status == INTACT
    assert out.startswith(" 1 500 entries · root ")
    assert f"signed by {SIGNER.origin}" in out
    assert out.endswith("intact\n")


def test_the_program_names_the_changed_entry_and_exits_3(tmp_path: Path) -> None:
    flip_entry(write_log(tmp_path, BODIES))
    status, out, _ = run(tmp_path)
    assert status == NOT_INTACT
    assert "entry 300 (2026-11-24 08:19:03Z) does not match its leaf: it was changed" in out
    assert out.endswith("NOT INTACT\n")


def test_the_program_prints_json(tmp_path: Path) -> None:
    flip_entry(write_log(tmp_path, BODIES))
    status, out, _ = run(tmp_path, "--json")
    verdict = json.loads(out)
    assert status == NOT_INTACT
    assert (verdict["intact"], verdict["size"], verdict["origin"]) == (False, SIZE, SIGNER.origin)
    assert verdict["findings"][0]["index"] == 300
    assert verdict["findings"][0]["kind"] == "entry"


def test_the_program_compares_with_a_kept_checkpoint(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:600])
    put(tmp_path / "kept", note_of(BODIES).encode())
    status, out, _ = run(folder, "--from-checkpoint", str(tmp_path / "kept"))
    assert status == NOT_INTACT
    assert "its tail was cut" in out


def test_the_program_takes_keys_from_a_file(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    put(tmp_path / "keys", "\n".join(key.encode() for key in SIGNER.verifier_keys).encode())
    assert verifier_main([str(folder), "--key", str(tmp_path / "keys")], out=io.StringIO()) == INTACT


def test_wrong_usage_exits_2(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    put(tmp_path / "bad", b"not a checkpoint")
    key = SIGNER.verifier_keys[0].encode()
    for arguments in (
        [],
        [str(folder)],
        [str(folder), "--key", "a+b+c"],
        [str(folder), "--key", str(tmp_path / "absent")],
        [str(tmp_path / "absent"), "--key", key],
        [str(folder), "--key", key, "--from-checkpoint", str(tmp_path / "bad")],
        [str(folder), "--key", key, "--from-checkpoint", str(tmp_path / "absent")],
        [str(folder), "--key", key, "--unknown"],
    ):
        assert verifier_main(arguments, out=io.StringIO(), err=io.StringIO()) == USAGE
    assert verifier_main(["--help"], out=io.StringIO()) == 0


def test_what_cannot_be_read_now_exits_75(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES[:3])
    path = folder / Tile(None, 0, 3).path
    path.unlink()
    path.mkdir()  # reading it fails with EISDIR, for root too
    status, _, err = run(folder)
    assert status == TRY_AGAIN
    assert "cannot be read now" in err


def test_a_log_that_this_user_may_not_read_exits_75(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    folder.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may read everything
    try:
        status, _, err = run(folder)
    finally:
        os.seteuid(was)
        folder.chmod(0o700)
    assert status == TRY_AGAIN
    assert "may not be read" in err


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    folder = write_log(tmp_path, BODIES)
    terminal = Terminal()
    verifier_main([str(folder), "--key", SIGNER.verifier_keys[0].encode()], out=io.StringIO(), err=terminal)
    assert " 36 % of 700 entries" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert run(folder)[2] == ""


FORBIDDEN = """
aegis_core.audit.trail aegis_core.audit.sealing aegis_core.audit.sequencer aegis_core.audit.publisher
aegis_core.audit.opening aegis_core.audit.signing aegis_core.audit.plan aegis_core.audit.port
aegis_core.crypto aegis_core.local aegis_core.marks aegis_core.app aegis_core.kernel.context aegis_core.kernel.recorder
aegis_core.kernel.pending aegis_core.kernel.state aegis_core.kernel.adapter
anyio asyncio aiofiles cattrs sqlite3 orjson pydantic sqlalchemy
""".split()


def test_the_verifier_loads_no_writer() -> None:
    code = "import sys, aegis_core.audit.verifier; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment())
    loaded = done.stdout.decode().split()
    assert "aegis_core.audit.verification" in loaded
    assert [
        name for name in loaded if any(name == banned or name.startswith(f"{banned}.") for banned in FORBIDDEN)
    ] == []


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
