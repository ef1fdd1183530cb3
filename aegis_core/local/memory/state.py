"""State documents in this process's memory: for tests and for trying things out."""

from collections.abc import Sequence
from typing import TypeVar

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.health import UP, Health
from aegis_core.kernel.registry import check_options
from aegis_core.kernel.state import StateCapabilities, StateDocument, check_body, check_listing, check_name, moved_on
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")


class MemoryState:
    """A `StateStore` in a dictionary. No call gives up control between reading and writing, so each is atomic."""

    name = "memory"
    capabilities = StateCapabilities(erases=True)
    backends = EVERY_BACKEND

    def __init__(self) -> None:
        self._documents: dict[str, StateDocument] = {}
        self._revisions = 0

    async def open(self) -> None: ...

    async def aclose(self) -> None: ...

    async def health(self) -> Health:
        return UP

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return None

    def native(self, type_: type[T], /) -> T | None:
        return None

    async def get(self, name: str, /) -> StateDocument | None:
        check_name(name)
        return self._documents.get(name)

    async def put(self, name: str, body: bytes, /, *, expected: str | None) -> str:
        check_name(name)
        check_body(body)
        there = self._documents.get(name)
        if (there.revision if there is not None else None) != expected:
            raise moved_on(name, operation="state.put", adapter=self.name)
        self._revisions += 1
        revision = str(self._revisions)
        self._documents[name] = StateDocument(name, bytes(body), revision)
        return revision

    async def delete(self, name: str, /, *, expected: str | None = None) -> None:
        check_name(name)
        there = self._documents.get(name)
        if expected is not None and (there is None or there.revision != expected):
            raise moved_on(name, operation="state.delete", adapter=self.name)
        if there is not None:
            del self._documents[name]

    async def names(self, prefix: str, /, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        check_listing(prefix, after, limit)
        return sorted(name for name in self._documents if name.startswith(prefix) and name > after)[:limit]


def from_url(url: ServiceUrl, _deps: AdapterDeps, /) -> MemoryState:
    """Make one from ``memory:``."""
    check_options(url)
    return MemoryState()
