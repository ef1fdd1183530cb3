"""Builds small tiled logs from fixed seeds, for the tests of this folder."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from aegis_core.audit.checkpoint import CheckpointSigner
from aegis_core.audit.entry import encode_entry
from aegis_core.audit.model import SealedValue, StoredEvent, SubjectSeal, Verdict
from aegis_core.audit.tiles import TileWriter, bundles_of, encode_bundle
from aegis_core.audit.tree import Tree, leaf_hash
from aegis_core.audit.verifier import verify_folder

ORIGIN = "clinic-a.example/audit"
BEGAN_NS = 1_795_508_043_000_000_000  # 2026-11-24T08:14:03Z

SIGNER = CheckpointSigner(ORIGIN, ed25519=bytes(range(32)), ml_dsa_44=bytes(range(32, 64)))
STRANGER = CheckpointSigner(ORIGIN, ed25519=bytes(range(1, 33)), ml_dsa_44=bytes(range(33, 65)))
OTHER_LOG = CheckpointSigner("clinic-b.example/audit", ed25519=bytes(range(32)), ml_dsa_44=bytes(range(32, 64)))


def event(number: int, **changed: object) -> StoredEvent:
    """The event with this number, a second after the one before it."""
    fields: dict[str, object] = {
        "event_id": UUID(int=(0x01900000_0000_7000_8000 << 48) + number),
        "time_ns": BEGAN_NS + number * 1_000_000_000,
        "action": ("record.read", "report.filed")[number % 2],
        "who": "dr-somchai",
        "verified_by": "oidc",
        "roles": ("clinician",),
        "purpose": "TREAT",
        "subject": SubjectSeal(f"{number % 7:032x}", "subject/1", "c3ViamVjdA=="),
        "data": {"number": number, "ward": "4B"},
        "sealed": {"name": SealedValue("phi.name", "subject/1", "bm90IHJlYWxseSBzZWFsZWQ=")},
    }
    return StoredEvent(**(fields | changed))  # type: ignore[arg-type]


def bodies_of(size: int) -> list[bytes]:
    """Entries of a log of this size."""
    return [encode_entry(event(number)) for number in range(size)]


def root_of(bodies: Sequence[bytes]) -> bytes:
    """The root over entries."""
    tree = Tree()
    tree.extend(map(leaf_hash, bodies))
    return tree.root()


def note_of(bodies: Sequence[bytes], signer: CheckpointSigner = SIGNER) -> str:
    """A checkpoint over entries."""
    return signer.sign(len(bodies), root_of(bodies), timestamp=BEGAN_NS // 10**9).note


def write_bundles(folder: Path, bodies: Sequence[bytes]) -> None:
    """Write the entries alone, as who tampers with entries and forgets the tiles."""
    for tile in bundles_of(len(bodies)):
        start = tile.position * 256
        put(folder / tile.path, encode_bundle(bodies[start : start + tile.width]))


def write_tiles(folder: Path, bodies: Sequence[bytes]) -> None:
    """Write the hashes alone."""
    writer = TileWriter()
    writer.extend(map(leaf_hash, bodies))
    for tile, hashes in writer.take():
        put(folder / tile.path, hashes)


def write_log(folder: Path, bodies: Sequence[bytes], *, note: str | None = None) -> Path:
    """Write a whole log."""
    write_bundles(folder, bodies)
    write_tiles(folder, bodies)
    put(folder / "checkpoint", (note_of(bodies) if note is None else note).encode())
    return folder


def put(path: Path, octets: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)


SIZE = 700  # two full bundles and a partial one
BODIES = bodies_of(SIZE)


def verify(folder: Path, **options: object) -> Verdict:
    """What the verifier says of a log that `SIGNER` signed."""
    return verify_folder(folder, SIGNER.verifier_keys, **options)  # type: ignore[arg-type]


def flip_entry(folder: Path) -> None:
    """Change entry 300 of a log of 700 where it lies."""
    changed = [*BODIES]
    changed[300] = BODIES[300].replace(b"dr-somchai", b"dr-malee..")
    write_bundles(folder, changed)
