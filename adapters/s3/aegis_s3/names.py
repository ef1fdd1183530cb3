"""How a key is spelt as the name of an object in a bucket. No I/O."""

from typing import Final, Literal

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_KEY, Key, checked_key

Spelling = Literal["plain", "flat"]

#: Bytes of an object's name, as S3 has it.
LONGEST_NAME: Final = 1024
_PART: Final = 255
# The four characters of keys that sort before "0", as four others that do, none of which is a slash.
_FLAT: Final = str.maketrans("%-./", "!*-.")
_KEYED: Final = str.maketrans("!*-.", "%-./")


class Names:
    """Spells keys as names, and back.

    ``plain`` writes a key as it is. ``flat`` is for servers that keep names as folders and files: it replaces the
    slash, so that ``a`` and ``a/b`` are both files, and splits what is longer than 255 bytes. Both sort as keys do: in
    ``flat`` a part that is followed by another has exactly 255 bytes, so no name sorts between a part and what is
    below it.

    Arguments:
        prefix: stands before every name; empty, or ends with a slash.
    """

    def __init__(self, prefix: str = "", spelling: Spelling = "plain", /) -> None:
        self.prefix = prefix
        self._flat = spelling == "flat"
        room = LONGEST_NAME - len(prefix)
        #: Bytes of the longest key that fits.
        self.longest = min(LARGEST_KEY, room - room // (_PART + 1) if self._flat else room)

    def name(self, key: Key, /) -> str:
        """The name of a key's object.

        Raises:
            AegisError: ``invalid_argument`` if it is no canonical key, or does not fit.
        """
        if len(checked_key(key)) > self.longest:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT,
                f"a key has at most {self.longest} bytes in this store: shorten the key, or the prefix in the URL",
                adapter="s3",
            )
        return self.beginning(key)

    def beginning(self, text: str, /) -> str:
        """With what the names of all keys begin that begin with ``text``."""
        if self._flat:
            text = text.translate(_FLAT)
            # A slash at the very end would leave out the object whose name ends there.
            text = "/".join(text[at : at + _PART] for at in range(0, len(text), _PART))
        return self.prefix + text

    def key(self, name: str, /) -> Key | None:
        """The key that a name spells; None: this adapter writes no such name."""
        text = name.removeprefix(self.prefix)
        if self._flat:
            text = text.replace("/", "").translate(_KEYED)
        try:
            key = checked_key(text)
        except AegisError:
            return None
        return key if self.beginning(key) == name else None
