"""Search every byte that the morning wrote for what must not be there."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import attrs

from examples.clinic.model import Intake

#: Needles of this many characters and more are looked for anywhere; shorter ones as whole words in text.
ANYWHERE = 6

_GRAM = 6
_RECIPIENT_LINE = re.compile(rb"^To:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.MULTILINE)
_RANDOM_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]{16,}")


@attrs.frozen
class Hit:
    """Where something was found. The needle is not told: a report of a leak must not be one."""

    file: Path
    offset: int
    form: str


@attrs.frozen
class Report:
    """What a search looked at and found."""

    files: int
    octets: int
    needles: int
    hits: tuple[Hit, ...]


def needles(intake: Intake, /) -> frozenset[str]:
    """Every name, part of a name and number of the input's patients."""
    found: set[str] = set()
    for patient in intake.patients.values():
        for name in patient.names:
            found.add(name)
            found.update(part for part in re.split(r"[\s,.()]+", name) if len(part) > 1)
        for number in patient.numbers:
            found.add(number)
            digits = re.sub(r"\D", "", number)
            if len(digits) >= ANYWHERE:
                found.add(digits)
        if patient.email:
            found.add(patient.email)
    return frozenset(needle.strip() for needle in found if needle.strip())


def encodings(needle: str, /) -> Iterator[tuple[str, bytes]]:
    """The forms in which a value may hide: raw, JSON-escaped, URL-encoded, base64 at its three offsets."""
    raw = needle.encode()
    yield "raw", raw
    yield "json", json.dumps(needle)[1:-1].encode()
    yield "url", quote(needle, safe="").encode()
    yield "url", quote(needle, safe="").replace("%20", "+").encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        # Only the characters that hold nothing but the needle's own bits: the edges mix with the neighbours.
        start = (offset * 8 + 5) // 6
        stop = (offset + len(raw)) * 8 // 6
        core = encoded[start:stop]
        yield "base64", core
        yield "base64", core.replace(b"+", b"-").replace(b"/", b"_")


def search(root: Path, wanted: Iterable[str], /, *, also: Iterable[tuple[str, bytes]] = ()) -> Report:
    """Look through every file below ``root``, and through what else is given as name and bytes.

    Only the ``To:`` line of a message may hold an address. Numbers are not looked for inside random identifiers
    (UUIDs and hexadecimal strings of 16 characters and more that hold a letter): there they would be chance.
    """
    wanted = frozenset(wanted)
    grams: dict[bytes, list[tuple[str, bytes, bool]]] = defaultdict(list)
    words: dict[bytes, None] = {}
    for needle in wanted:
        if len(needle) < ANYWHERE:
            words[needle.encode()] = None
            continue
        number = not any(character.isalpha() for character in needle)
        for form, encoded in dict.fromkeys(encodings(needle)):
            if len(encoded) >= _GRAM:
                grams[encoded[:_GRAM]].append((form, encoded, number))
    word = re.compile(rb"(?<!\w)(?:" + b"|".join(map(re.escape, words)) + rb")(?!\w)") if words else None
    files = octets = 0
    hits: list[Hit] = []
    for path, content in _contents(root, also):
        files += 1
        octets += len(content)
        searched = _without_recipients(content) if path.suffix == ".eml" else content
        hits.extend(_hits(path, searched, grams, word))
    return Report(files=files, octets=octets, needles=len(wanted), hits=tuple(hits))


def _without_recipients(mail: bytes) -> bytes:
    """The same length, so that offsets stay true."""
    return _RECIPIENT_LINE.sub(lambda line: b"\n" * len(line.group()), mail)


def _contents(root: Path, also: Iterable[tuple[str, bytes]]) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
        # A name of a file or folder is written too.
        yield path / "(name)", str(path.relative_to(root)).encode()
    for name, content in also:
        yield Path(name), content


def _hits(
    path: Path, content: bytes, grams: dict[bytes, list[tuple[str, bytes, bool]]], word: re.Pattern[bytes] | None
) -> Iterator[Hit]:
    ids: list[tuple[int, int]] | None = None
    for offset in range(len(content) - _GRAM + 1):
        candidates = grams.get(content[offset : offset + _GRAM])
        if candidates is None:
            continue
        for form, encoded, number in candidates:
            if not content.startswith(encoded, offset):
                continue
            if number and form == "raw":
                if ids is None:
                    ids = [found.span() for found in _RANDOM_ID.finditer(content)]
                if any(start <= offset and offset + len(encoded) <= stop for start, stop in ids):
                    continue
            yield Hit(path, offset, form)
    if word is not None and _is_text(content):
        for match in word.finditer(content):
            yield Hit(path, match.start(), "word")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content
