"""The small documents of an application's state: the keyring's, and the deliveries'."""

import json
from collections.abc import AsyncIterator
from typing import Final

from aegis_cli.export.folder import OPERATION
from aegis_core import AegisError, ErrorCode
from aegis_core.ports import StateDocument, StateStore

RINGS: Final = "keyring/"
DELIVERIES: Final = "deliveries/"

_PAGE: Final = 1000


async def documents(state: StateStore, prefix: str, /) -> AsyncIterator[StateDocument]:
    """Every document below a prefix, by name; one that goes meanwhile is left out."""
    after = ""
    while True:
        try:
            names = await state.names(prefix, after=after, limit=_PAGE)
        except Exception as error:  # noqa: BLE001 - classified and raised
            raise _of_the_store(error, state) from None
        for name in names:
            try:
                document = await state.get(name)
            except Exception as error:  # noqa: BLE001 - classified and raised
                raise _of_the_store(error, state) from None
            if document is not None:
                yield document
        if len(names) < _PAGE:
            return
        after = names[-1]


async def tenants(state: StateStore, /) -> list[str]:
    """Every tenant that has keys, "" for nobody's: an object of a tenant without keys cannot have been stored."""
    names = [document.name.removeprefix(RINGS) async for document in documents(state, RINGS)]
    return ["" if name == "_" else name for name in names]


def delivery_line(document: StateDocument, /) -> bytes:
    """One delivery for `DELIVERIES`: the document as it is, under its name."""
    read = json.loads(document.body)
    whole = {"name": document.name, "document": read}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _of_the_store(error: Exception, state: StateStore) -> AegisError:
    if isinstance(error, AegisError):
        return error
    code = state.classify(error) or ErrorCode.INTERNAL
    told = f"the state store failed with {type(error).__name__}: see its own log"
    return AegisError(code, told, operation=OPERATION, adapter=state.name)
