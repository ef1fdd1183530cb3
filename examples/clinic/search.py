"""Search every byte that the morning wrote for what must not be there."""

import base64
import email
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from email import policy
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import quote

import attrs

from examples.clinic.model import Intake

#: Needles of this many characters and more are looked for anywhere; shorter ones as whole words in text.
ANYWHERE: Final = 6
#: So are shorter ones of this many bytes: four Thai letters are no more likely to be chance.
ANYWHERE_OCTETS: Final = 12
#: Shorter bare numbers are not looked for: they would be found in every count.
SHORTEST_NUMBER: Final = 4

_GRAM: Final = 6
_PARTS: Final = re.compile(r"[\s,.()'’-]+")
#: A letter or digit of a script that puts spaces between words; Thai, Chinese and others do not.
_LETTER: Final = "[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
#: Who a mail goes to, as the clinic wrote it and as mail servers note the envelope.
_RECIPIENT: Final = frozenset({"to", "delivered-to", "x-rcptto"})
_RECIPIENT_LINE: Final = re.compile(
    rb"^(?:%s):[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*" % b"|".join(sorted(name.encode() for name in _RECIPIENT)),
    re.MULTILINE | re.IGNORECASE,
)
_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
#: Where a mail server keeps mails, one a file; under "tmp" lies what it was writing when it was killed.
_MAILDIR: Final = frozenset({"new", "cur", "tmp"})
#: UUIDs, long hexadecimal with a letter in it, times with fractions of a second, and times counted from 1970.
_BY_CHANCE: Final = (
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]{16,}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,9}Z"
    r'|(?:_at|created)": ?[0-9]{13,16}(?![0-9])'
)
_CHANCE_OCTETS: Final = re.compile(_BY_CHANCE.encode())
_CHANCE_TEXT: Final = re.compile(_BY_CHANCE)
_WITHOUT_ZERO: Final = re.compile(rb"[^\0]{%d,}" % _GRAM)
_BASE64_TEXT: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")


@attrs.frozen
class Hit:
    """Where something was found. The needle is not told: a report of a leak must not be one."""

    file: Path
    offset: int  #: in bytes; of a word, in characters
    form: str


@attrs.frozen
class Report:
    """What a search looked at and found."""

    files: int
    octets: int
    needles: int
    hits: tuple[Hit, ...]


def needles(intake: Intake, /) -> frozenset[str]:
    """Every name, part of a name and number of the input's patients and of their contacts."""
    found: set[str] = set()
    for patient in intake.patients.values():
        for name in patient.names:
            found.add(name.strip())
            found.update(_PARTS.split(name))
        for number in (*patient.numbers, *([patient.email] if patient.email else [])):
            found.add(number.strip())
            digits = re.sub(r"\D", "", number)
            if len(digits) >= ANYWHERE:
                found.add(digits)
    return frozenset(found - {""} - {needle for needle in found if needle.isdigit() and len(needle) < SHORTEST_NUMBER})


def encodings(needle: str, /) -> Iterator[tuple[str, bytes]]:
    """The forms in which a value may hide: raw, JSON-escaped, URL-encoded, base64 at its three offsets."""
    raw = needle.encode()
    yield "raw", raw
    yield "json", json.dumps(needle)[1:-1].encode()
    for url in (quote(needle, safe=""), quote(needle)):
        yield "url", url.encode()
        yield "url", url.replace("%20", "+").encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        # Only the characters that hold nothing but the needle's own bits: the edges mix with the neighbours.
        start = (offset * 8 + 5) // 6
        stop = (offset + len(raw)) * 8 // 6
        core = encoded[start:stop]
        yield "base64", core
        yield "base64", core.replace(b"+", b"-").replace(b"/", b"_")


def search(root: Path, wanted: Iterable[str], /, *, also: Iterable[tuple[str, bytes]] = ()) -> Report:
    """Look through every file below ``root`` and its name, and through what else is given as name and bytes.

    Mails are looked through as they lie there and decoded; only the recipient's line may hold an address. Numbers are
    not looked for inside random identifiers (UUIDs, and hexadecimal strings of 16 characters and more that hold a
    letter) and in times, nor words of under four letters inside base64 of 40 characters and more: there they would be
    chance.
    """
    wanted = frozenset(wanted)
    looker = _Looker(wanted)
    files = octets = 0
    hits: list[Hit] = []
    for path, content in _contents(root, also):
        files += 1
        octets += len(content)
        for view in _views(path, content):
            hits.extend(looker.hits(path, view))
    return Report(files=files, octets=octets, needles=len(wanted), hits=tuple(dict.fromkeys(hits)))


def words_in(contents: Iterable[bytes], wanted: Iterable[str], /) -> frozenset[str]:
    """Which of the shorter needles stand as words in texts that hold nothing of a patient: there they prove nothing."""
    looker = _Looker(frozenset(wanted))
    return frozenset(word for content in contents for word in looker.words(content))


def _contents(root: Path, also: Iterable[tuple[str, bytes]]) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
        # A name of a file or folder is written too.
        yield path / "(name)", str(path.relative_to(root)).encode()
    for name, content in also:
        yield Path(name), content


def _views(path: Path, content: bytes) -> Iterator[bytes]:
    """A file as it is; a mail without its recipient, then its headers and its text as a reader sees them."""
    if not (path.suffix == ".eml" or _is_in_maildir(path)):
        yield content
        return
    end = found.start() if (found := _END_OF_HEADERS.search(content)) else len(content)
    # The same length, so that offsets stay true.
    yield _RECIPIENT_LINE.sub(lambda line: b"\n" * len(line.group()), content[:end]) + content[end:]
    mail = email.message_from_bytes(content, policy=policy.default)
    yield "\n".join(str(value) for name, value in mail.items() if name.lower() not in _RECIPIENT).encode()
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield payload


def _is_in_maildir(path: Path) -> bool:
    beside = path.parent.parent
    return path.parent.name in _MAILDIR and all((beside / name).is_dir() for name in _MAILDIR)


class _Looker:
    """All needles in all forms, ready to be looked for in one pass."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._grams: dict[bytes, list[tuple[str, bytes, bool]]] = defaultdict(list)
        words: list[str] = []
        for needle in sorted(wanted):
            if len(needle) < ANYWHERE and len(needle.encode()) < ANYWHERE_OCTETS:
                words.append(re.escape(needle))
                continue
            is_number = not any(character.isalpha() for character in needle)
            forms: dict[bytes, str] = {}
            for form, encoded in encodings(needle):  # of an ASCII name, several are the same
                if len(encoded) >= _GRAM:
                    forms.setdefault(encoded, form)
            for encoded, form in forms.items():
                self._grams[encoded[:_GRAM]].append((form, encoded, is_number))
        self._word = re.compile(rf"(?<!{_LETTER})(?:{'|'.join(words)})(?!{_LETTER})") if words else None

    def hits(self, path: Path, content: bytes) -> Iterator[Hit]:
        grams = self._grams
        random: list[tuple[int, int]] | None = None
        # No form holds a zero byte, and the files of a database are made of little else.
        runs = (run.span() for run in _WITHOUT_ZERO.finditer(content))
        for offset in chain.from_iterable(range(start, stop - _GRAM + 1) for start, stop in runs):
            candidates = grams.get(content[offset : offset + _GRAM])
            if candidates is None:
                continue
            for form, encoded, is_number in candidates:
                if not content.startswith(encoded, offset):
                    continue
                if is_number and form == "raw":
                    if random is None:
                        random = [found.span() for found in _CHANCE_OCTETS.finditer(content)]
                    if _is_inside(random, offset, offset + len(encoded)):
                        continue
                yield Hit(path, offset, form)
        yield from self._words(path, content)

    def words(self, content: bytes) -> Iterator[str]:
        text = _text(content)
        if self._word is not None and text is not None:
            yield from (found.group() for found in self._word.finditer(text))

    def _words(self, path: Path, content: bytes) -> Iterator[Hit]:
        text = _text(content)
        if self._word is None or text is None:
            return
        found = list(self._word.finditer(text))
        if not found:
            return
        ids = [each.span() for each in _CHANCE_TEXT.finditer(text)]
        base64s = [each.span() for each in _BASE64_TEXT.finditer(text)]
        for each in found:
            is_number = not any(character.isalpha() for character in each.group())
            if is_number and _is_inside(ids, *each.span()):
                continue
            if len(each.group()) < SHORTEST_NUMBER and _is_inside(base64s, *each.span()):
                continue
            yield Hit(path, each.start(), "word")


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _is_inside(spans: list[tuple[int, int]], start: int, stop: int) -> bool:
    return any(first <= start and stop <= last for first, last in spans)
