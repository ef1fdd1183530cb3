"""Listing objects, page by page as they are asked for."""

from collections import deque
from typing import Self

import attrs

from aegis_core.kernel.failing import Wrapping
from aegis_core.storage.keys import application_key
from aegis_core.storage.model import Key, ObjectInfo
from aegis_core.storage.port import StorageAdapter


class Listing:
    """The objects of one tenant that begin with one text, sorted by escaped key: ``async for info in storage.list()``.

    Holds one page and no connection, so it may be left at any point and needs no closing. Each ``async for`` over it
    goes on where the last one stopped. Keys are the application's; ``size`` is None, it stands in the head.
    """

    def __init__(self, adapter: StorageAdapter, prefix: str, /) -> None:
        self._adapter = adapter
        self._prefix = prefix
        self._page: deque[ObjectInfo] = deque()
        self._after: Key | None = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ObjectInfo:
        while not self._page:
            if self._ended:
                raise StopAsyncIteration
            with Wrapping(self._adapter, "storage.list"):
                page = await self._adapter.list(self._prefix, after=self._after)
            self._page.extend(page.objects)
            self._after = page.next
            self._ended = page.next is None
        info = self._page.popleft()
        return attrs.evolve(info, key=Key(application_key(info.key)))
