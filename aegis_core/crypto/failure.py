"""How the keyring names what its adapters raise."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.errors import AegisError, ErrorCode

#: How often a document is read and written again when other processes were faster.
MOST_CONFLICTS: Final = 64


@contextmanager
def coded(adapter: Adapter, operation: str, /, *, secret: bool = False) -> Generator[None]:
    """Give what an adapter's driver raises a code.

    Arguments:
        secret: a key is at hand: the cause is dropped, because it might hold it.
    """
    try:
        yield
    except AegisError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is given a code
        code = adapter.classify(error) or ErrorCode.INTERNAL
        wrapped = AegisError(
            code, f"the adapter failed with {type(error).__name__}", operation=operation, adapter=adapter.name
        )
        raise wrapped from (None if secret else error)


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
