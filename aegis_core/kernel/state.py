"""The port for a few small documents by name: keyring, tiles, checkpoint, deliveries, subject keys."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from aegis_core.kernel.adapter import Adapter, Capabilities
from aegis_core.kernel.errors import AegisError, ErrorCode

PORT: Final = "state/1"

#: Largest body, in bytes: a full bundle of 256 entries of an audit trail fits.
LARGEST_BODY: Final = 1 << 24


@attrs.frozen
class StateCapabilities(Capabilities):
    """`erases`: see the duties. `multi_host`: other hosts see the same documents."""

    erases: bool = False
    multi_host: bool = False


@attrs.frozen
class StateDocument:
    """One document as it was read. ``revision`` is opaque, and never used twice for one name."""

    name: str
    body: bytes = attrs.field(repr=False)
    revision: str


class StateStore(Adapter, Protocol):
    """Keeps small documents. Names are 1 to 512 bytes of ``A-Z a-z 0-9 . _ - / @ = +``, segments
    split by ``/``, none empty, none longer than 200, none starting with a dot; the first segment is never ``journal``
    (the audit sink's). A name that is another's folder (``a`` beside ``a/b``) may be refused with ``invalid_argument``.

    Duties, each a case of the kit:

    - `put` is atomic and durable when it returns. Of N racers with one ``expected`` one wins, the others get
      ``conflict``.
    - A revision is never reused, not even after `delete` and a new `put` of the same name.
    - Names come sorted by code point, none twice, none skipped that stayed.
    - With the capability ``erases``, once `delete` returns the body is in no file that the store keeps; the same
      holds for the former body once a `put` that replaces it returns.
    - Bodies to 16 MiB; larger: ``invalid_argument``. A name outside the rule above: ``invalid_argument``.
    """

    @property
    def capabilities(self) -> StateCapabilities: ...

    async def get(self, name: str, /) -> StateDocument | None:
        """Read one document; None if there is none."""
        ...

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        """Write one document and return its new revision.

        Arguments:
            expected: the revision that must be there; None: the document must not exist.

        Raises:
            AegisError: ``conflict`` if something else is there.
        """
        ...

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        """Remove one document. Deleting nothing is no error unless ``expected`` is given: then ``conflict``."""
        ...

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Up to ``limit`` names that start with ``prefix`` and sort after ``after``."""
        ...


_NAME: Final = re.compile(r"(?=.{1,512}\Z)(?!journal(?:/|\Z))[A-Za-z0-9_\-@=+][A-Za-z0-9._\-@=+]{0,199}"
                          r"(?:/[A-Za-z0-9_\-@=+][A-Za-z0-9._\-@=+]{0,199})*")  # fmt: skip
_PREFIX: Final = re.compile(r"[A-Za-z0-9._\-@=+/]{0,512}")


def is_name(name: str, /) -> bool:
    """Whether a text is a document's name by the rule of `StateStore`."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, /) -> None:
    """Refuse a name outside the rule of `StateStore`. Every adapter calls it.

    Raises:
        AegisError: ``invalid_argument``; the message does not repeat the name.
    """
    if not is_name(name):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a document's name is 1 to 512 bytes of A-Z a-z 0-9 . _ - / @ = +, in segments of 1 to 200 that start with "
            "no dot, the first of which is not 'journal'",
        )


def check_body(body: bytes, /) -> None:
    """Refuse a body larger than `LARGEST_BODY`. Every adapter calls it.

    Raises:
        AegisError: ``invalid_argument``.
    """
    if len(body) > LARGEST_BODY:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"a document holds at most {LARGEST_BODY} bytes")


def check_listing(prefix: str, after: str, limit: int, /) -> None:
    """Refuse arguments of `StateStore.names` that no name can fit. Every adapter calls it.

    Raises:
        AegisError: ``invalid_argument``.
    """
    if _PREFIX.fullmatch(prefix) is None or limit < 1:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "a prefix is made of the characters of a name, and the limit is at least 1"
        )
    if not after.isascii():
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "`after` is made of the characters of a name")


def moved_on(name: str, /, *, operation: str, adapter: str) -> AegisError:
    """The error of a condition that does not hold: the same words from every adapter."""
    return AegisError(
        ErrorCode.CONFLICT,
        f"the document {name!r} is not at the expected revision: read it again and decide anew",
        operation=operation,
        adapter=adapter,
    )
