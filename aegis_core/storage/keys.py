"""The one way in which an application's keys become the keys of a store, and back. No I/O.

A key is text in segments split by ``/``. It is brought to Unicode's NFC, every byte of its UTF-8 that is not one of
``A-Z a-z 0-9 - . _ ~`` becomes ``%XX`` (RFC 3986 §2.1, §2.3), and the tenant is put in front as the first segment.
"""

import unicodedata
from typing import Final, NoReturn
from urllib.parse import quote, unquote

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_KEY, Key

#: The first segment of keys that belong to no tenant.
NO_TENANT: Final = "_"


def escaped_key(key: str, /, *, tenant: str | None) -> Key:
    """Make a store's key.

    Arguments:
        key: the application's key, such as ``"lab/4711.pdf"``.
        tenant: whose it is; None: nobody's.

    Raises:
        AegisError: ``invalid_argument`` if it is empty, has an empty, ``.`` or ``..`` segment, a control character or a
            lone surrogate, or more than 1,024 bytes once it is escaped. The message does not repeat the key.
    """
    segments = key.split("/")
    if not all(segments) or "." in segments or ".." in segments:
        _refuse("a key has no empty, '.' or '..' segment, and no '/' at its beginning or end")
    escaped = Key(f"{_tenant(tenant)}/{_escape(key)}")
    if len(escaped) > LARGEST_KEY:
        _refuse(f"a key has at most {LARGEST_KEY} bytes, escaped and with the tenant in front; this one has more")
    return escaped


def escaped_prefix(prefix: str, /, *, tenant: str | None) -> str:
    """Make the beginning of a store's keys: those of the tenant that begin with ``prefix``, which may be empty.

    Raises:
        AegisError: ``invalid_argument``, as for `escaped_key`; the last segment may be empty, ``.`` or ``..``, for it
            may go on.
    """
    *segments, _last = prefix.split("/")
    if not all(segments) or "." in segments or ".." in segments:
        _refuse("no key begins like this: a key has no empty, '.' or '..' segment")
    escaped = f"{_tenant(tenant)}/{_escape(prefix)}"
    if len(escaped) > LARGEST_KEY:
        _refuse(f"a key has at most {LARGEST_KEY} bytes, escaped and with the tenant in front")
    return escaped


def application_key(key: Key, /) -> str:
    """The application's key, without the tenant."""
    return unquote(key.partition("/")[2])


def _tenant(tenant: str | None) -> str:
    if not tenant:
        return NO_TENANT
    if tenant in {NO_TENANT, ".", ".."}:
        _refuse("a tenant's id is not '_', '.' or '..'")
    return quote(_normal(tenant), safe="~")


def _escape(text: str) -> str:
    return quote(_normal(text), safe="/~")


def _normal(text: str) -> str:
    # Every character is looked at only where there is one that is not printable ASCII.
    if text.isascii() and text.isprintable():
        return text
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        _refuse("a key holds no control character and no lone surrogate")
    return unicodedata.normalize("NFC", text)


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, message, operation="storage")
