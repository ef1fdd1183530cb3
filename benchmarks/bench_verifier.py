"""Reading a log back: verification per record, the tree, and proofs."""

import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from aegis_core.audit.canonical import encode, encode_slowly
from aegis_core.audit.checkpoint import CheckpointSigner
from aegis_core.audit.entry import encode_entry
from aegis_core.audit.model import SealedValue, StoredEvent, SubjectSeal
from aegis_core.audit.tiles import Tile, TileWriter, bundles_of, encode_bundle, subtrees_in
from aegis_core.audit.tree import Tree, inclusion_proof, leaf_hash, verify_inclusion
from aegis_core.audit.verifier import verify_folder
from benchmarks.rows import Row, interleaved

SIGNER = CheckpointSigner("clinic-a.example/audit", ed25519=bytes(32), ml_dsa_44=bytes(range(32)))
BEGAN_NS = 1_795_508_043_000_000_000


def event(number: int, *, sealed: bool) -> StoredEvent:
    """A read of a record: of about 300 bytes, or, as the trail spells it with a subject and two sealed fields, 740."""
    key = "s:439ecced09027023307a0e11fed1bd09.b684bbe25317167c"
    boxes = {name: SealedValue("phi.name", key, "QUJD" * 14) for name in ("name", "note")}
    return StoredEvent(
        event_id=UUID(int=(0x01900000_0000_7000_8000 << 48) + number),
        time_ns=BEGAN_NS + number * 1_000_000,
        action="record.read",
        who="dr-somchai",
        verified_by="oidc",
        purpose="TREAT",
        operation="storage.download",
        subject=SubjectSeal("k1:" + "6b" * 16, key, "QUJD" * 12) if sealed else None,
        data={"number": number, "ward": "4B"},
        sealed=boxes if sealed else {},
    )


def write(folder: Path, bodies: list[bytes]) -> None:
    """Lay a log out as the trail does."""
    leaves = list(map(leaf_hash, bodies))
    writer, tree = TileWriter(), Tree()
    writer.extend(leaves)
    tree.extend(leaves)
    files = {tile.path: hashes for tile, hashes in writer.take()}
    for tile in bundles_of(len(bodies)):
        start = tile.position * 256
        files[tile.path] = encode_bundle(bodies[start : start + tile.width])
    files["checkpoint"] = SIGNER.sign(len(bodies), tree.root(), timestamp=BEGAN_NS // 10**9).note.encode()
    for name, octets in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)


def rows(quick: bool) -> Iterable[Row]:
    """Measure verification, tree and canonical JSON."""
    size = 20_000 if quick else 100_000
    repeat = 7
    yield from _verification(size, repeat)
    yield from _tree(20_000, repeat)
    yield from _canonical(repeat)


def _verification(size: int, repeat: int) -> Iterable[Row]:
    text = bytes(300)

    def hash_each() -> None:
        hash_ = sha256
        for _ in range(size):
            hash_(text).digest()

    with tempfile.TemporaryDirectory() as top:
        short, long = Path(top, "short"), Path(top, "long")
        write(short, [encode_entry(event(number, sealed=False)) for number in range(size)])
        write(long, [encode_entry(event(number, sealed=True)) for number in range(size)])
        keys = SIGNER.verifier_keys

        def verify(folder: Path, *, strict: bool) -> None:
            if not verify_folder(folder, keys, strict=strict).intact:
                raise AssertionError("an untouched log must be intact")

        calls = {
            "limit": hash_each,
            "plain": lambda: verify(short, strict=False),
            "strict": lambda: verify(short, strict=True),
            "plain sealed": lambda: verify(long, strict=False),
            "strict sealed": lambda: verify(long, strict=True),
        }
        best = {name: seconds / size for name, seconds in interleaved(calls, number=1, repeat=repeat).items()}
    bytes_short = len(encode_entry(event(size, sealed=False)))
    bytes_long = len(encode_entry(event(size, sealed=True)))
    limit = best["limit"]
    area, peer = "verifier", "per record, limit: sha256(300 B)"
    yield Row(area, f"verify, {bytes_short} B", best["plain"], limit, target=5.0, note=peer)
    yield Row(area, f"verify --strict, {bytes_short} B", best["strict"], limit, target=9.0, note=peer)
    yield Row(area, f"verify, {bytes_long} B", best["plain sealed"], limit, target=5.0, note=f"{peer}; 2 sealed fields")
    yield Row(
        area,
        f"verify --strict, {bytes_long} B",
        best["strict sealed"],
        limit,
        target=9.0,
        note=f"{peer}; 2 sealed fields",
    )


def _tree(size: int, repeat: int) -> Iterable[Row]:
    leaves = [leaf_hash(number.to_bytes(8)) for number in range(size)]
    grown, writer = Tree(), TileWriter()
    grown.extend(leaves)
    writer.extend(leaves)
    tiles = {tile.path: hashes for tile, hashes in writer.take()}
    root = grown.root()
    text = bytes(300)
    turn = iter(range(10**9))

    def append_all() -> None:
        tree = Tree()
        for leaf in leaves:
            tree.append(leaf)

    def hash_each() -> None:
        hash_ = sha256
        for _ in range(size):
            hash_(text).digest()

    def prove() -> tuple[int, tuple[bytes, ...]]:
        index = next(turn) * 7919 % size
        return index, inclusion_proof(index, size, subtrees_in(size, read))

    def read(tile: Tile) -> bytes:
        return tiles[tile.path]

    index, proof = prove()
    best = interleaved({"append": append_all, "limit": hash_each}, number=1, repeat=repeat)
    limit = best["limit"] / size
    small = interleaved(
        {
            "root": grown.root,
            "prove": prove,
            "check": lambda: verify_inclusion(leaves[index], index, size, proof, root),
        },
        number=200,
        repeat=repeat,
    )
    peer = f"{size:,} leaves, limit: sha256(300 B)"
    yield Row("verifier", "append a leaf", best["append"] / size, limit, target=4.0, note=peer)
    yield Row("verifier", "root", small["root"], limit, target=12.0, note=peer)
    yield Row("verifier", "verify an inclusion proof", small["check"], limit, note=peer)
    yield Row("verifier", "inclusion proof from cold tiles", small["prove"], limit, note=f"{peer}; folds up to 4 tiles")


def _canonical(repeat: int) -> Iterable[Row]:
    members = {"v": 1, "who": "dr-somchai", "data": {"number": 7, "ward": "4B"}, "roles": ["clinician"], "op": "x" * 80}
    best = interleaved(
        {
            "fast": lambda: encode(members),
            "slow": lambda: encode_slowly(members),
            "limit": lambda: sha256(bytes(300)).digest(),
        },
        number=20_000,
        repeat=repeat,
    )
    yield Row(
        "verifier",
        "canonical JSON, checked",
        best["fast"],
        best["limit"],
        peers={"standard library alone": best["slow"]},
        note="limit: sha256(300 B)",
    )
