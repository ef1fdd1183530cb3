"""The shipped redactors: what may be shown in the place of a value."""

from typing import Final

from aegis_core.marks.taxonomy import DataClass

MASK: Final = "****"
SMALL_PREFIXES: Final = frozenset(
    "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split(),
)
"""Three-digit ZIP areas of 20,000 people or fewer (census of 2000): Safe Harbor writes ``000`` for them."""


def erase(value: object, data_class: DataClass, /) -> str:
    """Show the class's marker and nothing of the value."""
    return data_class.marker


def mask(value: object, data_class: DataClass, /) -> str:
    """Show the last four characters of what has twelve or more; else only that there was something.

    The length is never shown, and never more than a third of the value.
    """
    if not isinstance(value, str | int) or isinstance(value, bool):
        return data_class.marker
    text = str(value)
    return MASK + text[-4:] if len(text) >= 12 else MASK


class Year:
    """Shows the year of a date (`date`, `datetime` or ISO 8601 text), as Safe Harbor allows.

    Arguments:
        not_before: earlier years are erased. Safe Harbor (45 CFR 164.514(b)(2)(i)(C)) forbids the year of birth of
            who is over 89; which year that is only the application knows.
    """

    __slots__ = ("not_before",)

    def __init__(self, *, not_before: int = 0) -> None:
        self.not_before = not_before

    def __call__(self, value: object, data_class: DataClass, /) -> str:
        found = getattr(value, "year", None)
        if isinstance(value, str):
            head, rest = value[:4], value[4:5]
            found = (
                int(head) if len(head) == 4 and head.isdecimal() and head.isascii() and rest in {"", "-", "/"} else None
            )
        if type(found) is not int or found < self.not_before:
            return data_class.marker
        return f"{found:04d}"

    def __repr__(self) -> str:
        return f"Year(not_before={self.not_before})"


year: Final = Year()


def zip3(value: object, data_class: DataClass, /) -> str:
    """Show the first three digits of a ZIP code (five or nine digits), ``000`` for areas where few people live.

    45 CFR 164.514(b)(2)(i)(B). What is no ZIP code is erased.
    """
    text = f"{value:05d}" if type(value) is int else value
    if not isinstance(text, str):
        return data_class.marker
    digits = text[:5] + text[6:] if text[5:6] == "-" else text
    if len(digits) not in {5, 9} or not (digits.isdecimal() and digits.isascii()):
        return data_class.marker
    return "000" if digits[:3] in SMALL_PREFIXES else digits[:3]


class Pseudonym:
    """Shows ``pseudo:<key id>:<32 hex digits>``: the same value of the same class gives the same text, under one key.

    Keyed BLAKE2b-128 (RFC 7693 §2.9) over the class, a zero byte and the value in UTF-8; another class or another key
    gives another text. It is not reversible, but who holds the key can try values: it is as secret as what it hides.
    Safe Harbor does not allow codes derived from the data; a limited data set and GDPR pseudonymisation do.

    Arguments:
        key_id: names the key, in the text; letters, digits, ``.``, ``_`` and ``-``.
        key: 16 to 64 random bytes.
    """

    __slots__ = ("_key", "_started", "key_id", "prefix")

    def __init__(self, key_id: str, key: bytes) -> None:
        if not key_id.isascii() or not key_id.translate({45: 97, 46: 97, 95: 97}).isalnum() or len(key_id) > 64:
            raise ValueError("a key id has up to 64 letters, digits, dots, dashes and underscores")
        if not 16 <= len(key) <= 64:
            raise ValueError("the key of a pseudonym has 16 to 64 bytes")
        self.key_id = key_id
        self._key = bytes(key)
        self.prefix = f"pseudo:{key_id}:"
        self._started: "dict[DataClass, blake2b]" = {}

    def __call__(self, value: object, data_class: DataClass, /) -> str:
        state = self.started(data_class).copy()
        try:
            state.update(value.encode() if type(value) is str else _octets(value))
        except Exception:  # noqa: BLE001 - a redactor never raises; a value that can't be hashed is erased
            return data_class.marker
        return self.prefix + state.hexdigest()

    def started(self, data_class: DataClass, /) -> "blake2b":
        """Give the hash with key and class in it, to copy: its first block is done, which is half the work."""
        try:
            return self._started[data_class]
        except KeyError:
            import hashlib

            state = hashlib.blake2b(f"{data_class}\0".encode(), digest_size=16, key=self._key)
            self._started[data_class] = state
            return state

    def __repr__(self) -> str:
        return f"Pseudonym({self.key_id!r})"


def _octets(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return str(value).encode("utf-8", "surrogatepass")


TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import blake2b
