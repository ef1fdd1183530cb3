"""The bytes of the audit journal: segments of batches of frames. Pure; `FileAudit` does the I/O.

    segment = "AEGISJ" 0x00 version(1) | number of its first entry u64 | crc32 u32 of the 16 bytes before
    batch   = "AJB1" | count u32 | length of the frames u32 | index of the first entry u64 | crc32 u32 of the 20 before
    frame   = length of the body u32 | id(16) | body | crc32 u32 of id and body

Integers are big-endian. A batch counts only as a whole.
"""

import struct
from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID
from zlib import crc32

import attrs

from aegis_core.audit.port import Entry

MAGIC: Final = b"AEGISJ\x00\x01"
BATCH_MAGIC: Final = b"AJB1"

_SEGMENT = struct.Struct(">8sQ")
_BATCH = struct.Struct(">4sIIQ")
_U32 = struct.Struct(">I")

SEGMENT_HEADER: Final = _SEGMENT.size + 4
BATCH_HEADER: Final = _BATCH.size + 4

#: Bytes of a frame beside its body: length, id, checksum.
FRAME_OVERHEAD: Final = 4 + 16 + 4

#: What a disk writes at once. A block of a cut write that never arrived reads as zeros.
_BLOCK: Final = 512


def segment_header(first: int, /) -> bytes:
    """The header of a segment whose first entry has the index ``first``."""
    head = _SEGMENT.pack(MAGIC, first)
    return head + _U32.pack(crc32(head))


def first_of_segment(header: bytes, /) -> int | None:
    """The index of a segment's first entry; None if the header is not whole."""
    if len(header) < SEGMENT_HEADER or _U32.unpack_from(header, 16)[0] != crc32(header[:16]):
        return None
    magic, first = _SEGMENT.unpack_from(header)
    return int(first) if magic == MAGIC else None


def encode_batch(entries: Sequence[Entry], first: int, /) -> tuple[bytes, list[int]]:
    """Write one batch.

    Returns:
        its bytes, and the offset of each frame in them.
    """
    parts: list[bytes] = [b""]
    offsets: list[int] = []
    at = BATCH_HEADER
    pack = _U32.pack
    for entry in entries:
        key, body = entry.id.bytes, entry.body
        length = len(body)
        offsets.append(at)
        parts += (pack(length), key, body, pack(crc32(body, crc32(key))))
        at += FRAME_OVERHEAD + length
    head = _BATCH.pack(BATCH_MAGIC, len(offsets), at - BATCH_HEADER, first)
    parts[0] = head + pack(crc32(head))
    return b"".join(parts), offsets


def decode_frame(data: memoryview | bytes, at: int, /) -> Entry | None:
    """Read one frame at an offset; None if it is damaged or cut."""
    if at + FRAME_OVERHEAD > len(data):
        return None
    (length,) = _U32.unpack_from(data, at)
    end = at + 20 + length
    if end + 4 > len(data):
        return None
    body = bytes(data[at + 20 : end])
    key = bytes(data[at + 4 : at + 20])
    if _U32.unpack_from(data, end)[0] != crc32(body, crc32(key)):
        return None
    return Entry(UUID(bytes=key), body)


@attrs.frozen
class Scan:
    """What lies in a stretch of a segment.

    ``frames``: id (as an integer) and offset of each frame of every whole batch. ``end``: the offset after the last.
    ``rest``: nothing follows; a cut write follows, which nobody was ever given a receipt for; or something that was
    changed after it was written, at entry ``damaged``.
    """

    frames: Sequence[tuple[int, int]]
    end: int
    rest: Literal["clean", "torn", "damaged"]
    damaged: int = -1


def scan(data: memoryview, base: int, first: int, /) -> Scan:
    """Read batches one after the other.

    Arguments:
        data: the segment's bytes from ``base`` to its end.
        base: offset of ``data`` in the segment, at the start of a batch.
        first: index of the first entry there.
    """
    frames: list[tuple[int, int]] = []
    at, total, index = 0, len(data), first
    while at < total:
        verdict, found, length = _batch(data, at, index, base)
        if verdict != "clean":
            return Scan(frames, base + at, verdict, index + len(found) if verdict == "damaged" else -1)
        frames += found
        index += len(found)
        at += length
    return Scan(frames, base + at, "clean")


def _batch(
    data: memoryview, at: int, index: int, base: int
) -> tuple[Literal["clean", "torn", "damaged"], list[tuple[int, int]], int]:
    left = len(data) - at
    if left < BATCH_HEADER:
        return "torn", [], 0
    magic, count, length, first = _BATCH.unpack_from(data, at)
    if (
        magic != BATCH_MAGIC
        or first != index
        or _U32.unpack_from(data, at + _BATCH.size)[0] != crc32(data[at : at + _BATCH.size])
    ):
        return ("torn" if not any(data[at:]) else "damaged"), [], 0
    if left < BATCH_HEADER + length:
        return "torn", [], 0
    found: list[tuple[int, int]] = []
    start, end = at + BATCH_HEADER, at + BATCH_HEADER + length
    for _ in range(count):
        size = _U32.unpack_from(data, start)[0] if start + FRAME_OVERHEAD <= end else length
        stop = start + 20 + size
        if stop + 4 > end or _U32.unpack_from(data, stop)[0] != crc32(data[start + 4 : stop]):
            break
        found.append((int.from_bytes(data[start + 4 : start + 20]), base + start))
        start = stop + 4
    if len(found) == count and start == end:
        return "clean", found, BATCH_HEADER + length
    is_last = end == len(data)
    return ("torn" if is_last and _has_hole(data[at:end], base + at) else "damaged"), found, 0


def _has_hole(data: memoryview, offset: int) -> bool:
    """Whether a whole block of the disk is missing: entries are text, so no block of them is all zeros."""
    start = -offset % _BLOCK
    return any(not any(data[at : at + _BLOCK]) for at in range(start, len(data), _BLOCK))
