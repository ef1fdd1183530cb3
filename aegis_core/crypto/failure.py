"""What the keyring says where it cannot go on."""

from typing import Final

from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.errors import AegisError, ErrorCode

#: How often a document is read and written again when other processes were faster.
MOST_CONFLICTS: Final = 64


def too_many_conflicts(operation: str, adapter: Adapter, /) -> AegisError:
    """The error where other processes changed a document each time."""
    return AegisError(
        ErrorCode.UNAVAILABLE,
        "other processes changed the document each time: try again",
        operation=operation,
        adapter=adapter.name,
    )


def no_such_key() -> AegisError:
    """The error for an id that leads to no key, or to none any more."""
    return AegisError(
        ErrorCode.NOT_FOUND,
        "there is no such key: its id is wrong, or it was shredded or destroyed",
        operation="keyring.key",
    )
