"""A batch's ids and bodies as PostgreSQL's binary arrays, spelled at once.

psycopg spells arrays item by item in Python; one join over prepared lengths costs a tenth of that.
"""

from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import Final

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_HEAD: Final = Struct("!iiiii")  # dimensions, whether nulls are in it, element's type, length, lower bound
_LENGTH: Final = Struct("!i")
_UUID: Final = 2950
_BYTEA: Final = 17


class UuidArray(bytes):
    """``uuid[]`` in binary."""


class ByteaArray(bytes):
    """``bytea[]`` in binary."""


def uuids(ids: Sequence[bytes], /) -> UuidArray:
    """An array of ids of 16 bytes each."""
    if not ids:
        return UuidArray(_empty(_UUID))
    head = _HEAD.pack(1, 0, _UUID, len(ids), 1)
    length = _LENGTH.pack(16)
    return UuidArray(head + length + length.join(ids))


def byteas(bodies: Sequence[bytes], /) -> ByteaArray:
    """An array of byte strings."""
    if not bodies:
        return ByteaArray(_empty(_BYTEA))
    parts = [_HEAD.pack(1, 0, _BYTEA, len(bodies), 1)]
    for body in bodies:
        parts.append(_length(len(body)))
        parts.append(body)
    return ByteaArray(b"".join(parts))


def register(adapters: AdaptersMap, /) -> None:
    """Teach a connection both types."""
    adapters.register_dumper(UuidArray, _UuidArrayDumper)
    adapters.register_dumper(ByteaArray, _ByteaArrayDumper)


@cache
def _length(size: int) -> bytes:
    return _LENGTH.pack(size)  # few distinct ones: entries are at most 60,000 bytes


def _empty(element: int) -> bytes:
    return Struct("!iii").pack(0, 0, element)


class _Spelled(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer | None:
        return obj


class _UuidArrayDumper(_Spelled):
    oid = 2951


class _ByteaArrayDumper(_Spelled):
    oid = 1001
