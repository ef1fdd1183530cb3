"""Finding a value wherever it was written, however it was encoded on the way."""

import base64
import json
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

SHORTEST_BASE64: Final = 4


class Encoded(NamedTuple):
    """One way in which a value may lie in bytes."""

    encoding: str  #: such as ``"json"`` or ``"base64+1"``
    pattern: bytes
    is_exact: bool  #: whether the case of ASCII letters matters


class Sighting(NamedTuple):
    """Where a value was found. It names the value by its position among those searched for, never by itself."""

    value: int
    encoding: str
    offset: int


def encodings(value: str, /) -> tuple[Encoded, ...]:
    """Give every pattern under which ``value`` may lie in bytes, none twice.

    Raw UTF-8 as given and in both normal forms, in lower, upper and title case; escaped for JSON and HTML, and by
    Python, in ``ascii`` and in the ``repr`` of bytes; URL-encoded; in UTF-16; quoted-printable; hexadecimal; and the
    middle of its base64 at each of the three offsets. All patterns but base64's are searched for without regard to the
    case of ASCII letters.
    """
    found: dict[tuple[bytes, bool], Encoded] = {}

    def add(encoding: str, pattern: bytes, *, is_exact: bool = False) -> None:
        if pattern:
            kept = pattern if is_exact else pattern.lower()
            found.setdefault((kept, is_exact), Encoded(encoding, kept, is_exact))

    for text in _variants(value):
        octets = text.encode("utf-8", "surrogatepass")
        add("raw", octets)
        add("json", json.dumps(text)[1:-1].encode())
        add("json", json.dumps(text)[1:-1].replace("/", "\\/").encode())
        add("json", json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass"))
        add("url", quote(octets, safe="").encode())
        add("url", quote(octets).encode())
        add("url", quote_plus(octets).encode())
        add("html", _html(text).encode("utf-8", "surrogatepass"))
        add("utf-16", text.encode("utf-16-le", "surrogatepass"))
        add("utf-16", text.encode("utf-16-be", "surrogatepass"))
        add("repr", repr(octets)[2:-1].encode())
        add("repr", ascii(text)[1:-1].encode())
        add("hex", octets.hex().encode())
        add("quoted-printable", "".join(_quoted(octet) for octet in octets).encode())
        for offset in range(3):
            inner = _base64_at(octets, offset)
            if len(inner) >= SHORTEST_BASE64:
                add(f"base64+{offset}", inner, is_exact=True)
                add(f"base64url+{offset}", inner.translate(bytes.maketrans(b"+/", b"-_")), is_exact=True)
    return tuple(found.values())


class Canary:
    """Values that must not be found.

    Arguments:
        values: texts; the longer, the surer that a sighting is none by chance. Empty ones are left out.
    """

    def __init__(self, values: Iterable[str], /) -> None:
        self.values = tuple(value for value in values if value)
        self._patterns = tuple(encodings(value) for value in self.values)

    def find(self, written: bytes, /) -> list[Sighting]:
        """Find the first place of each value in each encoding, also across the line breaks of base64 and mail.

        Offsets are in ``written``, or in what is left of it without line breaks.
        """
        joined = written.replace(b"=\r\n", b"").replace(b"=\n", b"").replace(b"\r", b"").replace(b"\n", b"")
        places = [written] if joined == written else [written, joined]
        sightings: dict[tuple[int, str], Sighting] = {}
        for place in places:
            lowered = place.lower()
            for position, patterns in enumerate(self._patterns):
                for encoding, pattern, is_exact in patterns:
                    offset = (place if is_exact else lowered).find(pattern)
                    if offset >= 0:
                        sightings.setdefault((position, encoding), Sighting(position, encoding, offset))
        return sorted(sightings.values())

    def __repr__(self) -> str:
        return f"Canary({len(self.values)} values)"


def _variants(value: str) -> "list[str]":
    texts = [value, value.lower(), value.upper(), value.title(), value.casefold()]
    return list(
        dict.fromkeys([*texts, *(unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD"))])
    )


def _base64_at(octets: bytes, offset: int) -> bytes:
    """The characters of base64 that depend on ``octets`` alone, when ``offset`` bytes (modulo 3) precede them."""
    encoded = base64.b64encode(bytes(offset) + octets).rstrip(b"=")
    first = (0, 2, 3)[offset]
    last = len(encoded) - (1 if (offset + len(octets)) % 3 else 0)
    return encoded[first:last]


def _html(text: str) -> str:
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = text.replace(plain, entity)
    return text


def _quoted(octet: int) -> str:
    return chr(octet) if 32 <= octet < 127 and octet != 61 else f"={octet:02X}"
