"""A value sealed into one column of text, its key's id beside it, and the token that finds the row. No I/O."""

import re
from typing import Final

from aegis_core.crypto.fields import index_token, open_field, seal_field
from aegis_core.crypto.model import RingKey
from aegis_core.kernel.errors import AegisError, ErrorCode

_SCHEME: Final = "aegis1:"
_SEALED: Final = re.compile(r"aegis1:((?:[\w@=+.-]+/)?(?:k|s:)[0-9a-f.]+):[\w-]{39,}", re.ASCII)
_TOKEN: Final = re.compile(r"(?:[\w@=+.-]+/)?k[0-9]+:[0-9a-f]{32}", re.ASCII)
_DOMAIN: Final = b"aegis/column/v1\x00"


def column_context(place: str, /, *, subject: str = "", row: str = "") -> bytes:
    """What a sealed column's value is bound to, so that it opens nowhere else.

    Arguments:
        place: table and column, as ``patient.national_id``.
        subject: whose value it is; empty: nobody's.
        row: the row's key, where it is known before the row is written; empty: any row.
    """
    parts = [part.encode("utf-8", "surrogatepass") for part in (place, subject, row)]
    return _DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def seal_column(key: RingKey, value: str, /, *, context: bytes, nonce: bytes) -> str:
    """Seal a text for a column.

    Arguments:
        key: a subject's, or a tenant's of purpose ``wrap``.
        value: any text, the empty one and such with NUL among them.
        context: see `column_context`.
        nonce: 12 random bytes.

    Returns:
        ``aegis1:<key id>:<sealed field>``, ASCII; see `seal_field`.
    """
    sealed = seal_field(key, value.encode("utf-8", "surrogatepass"), context=context, nonce=nonce)
    return f"{_SCHEME}{key.id}:{sealed}"


def sealing_key(sealed: str, /) -> str:
    """The id of the key that a sealed column's text asks for.

    Raises:
        AegisError: ``integrity`` if it is no such text.
    """
    found = _SEALED.fullmatch(sealed)
    if found is None:
        del sealed  # it may be a value that nobody sealed, and a traceback shows locals
        raise AegisError(ErrorCode.INTEGRITY, "the column holds no sealed text: it was changed, or never sealed")
    return found[1]


def open_column(key: RingKey, sealed: str, /, *, context: bytes) -> str:
    """Open what `seal_column` gave, with the same key and context.

    Raises:
        AegisError: ``integrity`` for another key or context, or a changed text; alike for all.
    """
    return open_field(key, sealed.rpartition(":")[2], context=context).decode("utf-8", "surrogatepass")


def is_sealed(text: str, /) -> bool:
    """Whether it has the shape of a sealed column's text; it may still open nowhere."""
    return _SEALED.fullmatch(text) is not None


def column_token(key: RingKey, value: str, /, *, place: str, tenant: str = "") -> str:
    """Make the token that finds a column's rows of one value; see `index_token`.

    It is of this place alone: equal values of two columns have unlike tokens.

    Arguments:
        key: of purpose ``index``.
        place: as for `column_context`.
    """
    return index_token(key, f"column\x00{place}\x00{value}", tenant=tenant)


def is_column_token(text: str, /) -> bool:
    """Whether it has the shape of a token."""
    return _TOKEN.fullmatch(text) is not None
