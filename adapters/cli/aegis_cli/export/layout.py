"""What an export's folder holds, and how its files are named and spelled (``docs/reference/export.md``). No I/O."""

import json
import re
from collections.abc import Mapping
from typing import Final

import attrs

from aegis_cli.output import Json
from aegis_core import AegisError, ErrorCode

FORMAT: Final = "aegis-export/1"

MANIFEST: Final = "export.json"  #: the last file: an export without it is none
SUMS: Final = "SHA256SUMS"  #: as sha256sum writes it; of every file but itself and the manifest
README: Final = "README.txt"
LOG: Final = "log"
ENTRIES: Final = "entries.jsonl"
OPENED: Final = "entries-opened.jsonl"
OBJECTS: Final = "objects.jsonl"
DELIVERIES: Final = "deliveries.jsonl"
KEYRING: Final = "keyring"
#: Of an export that is under way; gone once it is whole.
UNFINISHED: Final = ".unfinished"
PROGRESS: Final = ".progress.jsonl"

_PER_FOLDER: Final = 1000
_SUM: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9@=+_.\-/]+)\n?")

ABOUT: Final = """\
An export of Aegis Core, format aegis-export/1. Nothing of Aegis is needed to read it.

export.json           written last: without it this export was ended before it was whole
SHA256SUMS            sha256sum -c SHA256SUMS checks every file
log/                  the audit log: C2SP tlog-tiles (https://c2sp.org/tlog-tiles), RFC 9162 tree, signed checkpoint
entries.jsonl         the log's entries: line n (from 0) is entry n, byte for byte, and SHA-256 of a zero byte and the
                      line is its leaf. Names, results and subjects are sealed in them
entries-opened.jsonl  only if data was revealed: the same entries with what was sealed, opened
objects.jsonl         one line for every stored object, with its file
objects/              the objects: sealed as they lay in their store, or opened if data was revealed
keyring/              the keys' documents as they are: ids, purposes, dates, and each key wrapped by the vault
deliveries.jsonl      what became of messages; texts and addresses are sealed

Sealed data opens with the keys of keyring/, which only the vault unwraps. People's own keys are not part of an export:
they lie where they can be destroyed, and an export must not bring them back.
"""


@attrs.frozen
class Manifest:
    """The export as a whole.

    Arguments:
        made: RFC 3339, UTC.
        origin: the log's name.
        opened: whether sealed data was revealed into it.
        size: entries of the log.
        root: of the log, hexadecimal.
        objects: lines of `OBJECTS` that have a file.
        damaged: those that have none, because they could not be read.
        files: lines of `SUMS`.
        octets: bytes of those files.
        sums: SHA-256 of `SUMS`, hexadecimal.
    """

    made: str
    origin: str
    opened: bool
    size: int
    root: str
    objects: int
    damaged: int
    files: int
    octets: int
    sums: str

    def encode(self) -> bytes:
        """The file's bytes."""
        document = {
            "format": FORMAT,
            "made": self.made,
            "origin": self.origin,
            "opened": self.opened,
            "log": {"size": self.size, "root": self.root},
            "objects": self.objects,
            "damaged": self.damaged,
            "files": self.files,
            "bytes": self.octets,
            "sums": self.sums,
        }
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, body: bytes, /) -> "Manifest":
        """Read the file.

        Raises:
            AegisError: ``integrity`` if it is damaged, ``unsupported`` if it is of another format.
        """
        try:
            read = json.loads(body)
            if read["format"] != FORMAT:
                raise AegisError(
                    ErrorCode.UNSUPPORTED, "this export has a format that a newer release wrote", operation="export"
                )
            return cls(
                made=str(read["made"]),
                origin=str(read["origin"]),
                opened=bool(read["opened"]),
                size=int(read["log"]["size"]),
                root=str(read["log"]["root"]),
                objects=int(read["objects"]),
                damaged=int(read["damaged"]),
                files=int(read["files"]),
                octets=int(read["bytes"]),
                sums=str(read["sums"]),
            )
        except (ValueError, KeyError, TypeError):
            raise AegisError(ErrorCode.INTEGRITY, f"{MANIFEST} is damaged", operation="export") from None


def sum_line(digest: str, name: str, /) -> str:
    """One line of `SUMS`."""
    return f"{digest}  {name}\n"


def read_sum(line: str, /) -> tuple[str, str] | None:
    """Digest and name of one line of `SUMS`; None: it is none, or names something outside of the folder."""
    match = _SUM.fullmatch(line)
    if match is None or any(part in {"", ".", ".."} for part in match[2].split("/")):
        return None
    return match[1], match[2]


def object_file(store: str, number: int, /) -> str:
    """The file of an object: numbered, for keys may hold names."""
    return f"objects/{store}/{number // _PER_FOLDER:05d}/{number:08d}"


def line(document: Mapping[str, Json], /) -> bytes:
    """One line of JSON Lines."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
