"""One reading of one object: on record before its first piece is released, and once more if it fails."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.lifetimes import shielded
from aegis_core.storage.access import Access
from aegis_core.storage.port import Reader
from aegis_core.storage.record import ObjectEvent, Record


class Reading(ABC):
    """What every reader of an object does alike. Subclasses begin, and give piece after piece.

    Arguments:
        operation: the public operation, such as ``"storage.open"``.
    """

    def __init__(self, access: Access, record: Record, operation: str, /) -> None:
        self._access = access
        self._record = record
        self._operation = operation
        self._reader: Reader | None = None
        self._event: ObjectEvent | None = None
        self._counted = False
        self._error: BaseException | None = None

    @abstractmethod
    async def _begin(self) -> ObjectEvent:
        """Set ``_reader``, read the first piece, and say what is put on record before it is released."""

    @abstractmethod
    async def _piece(self) -> bytes | None:
        """The next piece; None at the end."""

    async def __aenter__(self) -> Self:
        try:
            event = await self._begin()
            await self._record.before(event)
            self._event = event
        except BaseException as error:
            self._error = error
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece, a mebibyte at most.

        Raises:
            AegisError: ``integrity`` for what was changed, moved or cut; ``conflict`` if the object was replaced
                meanwhile. The reading is on record as failed then.
        """
        if self._event is None or self._error is not None:
            raise self._misused("read inside `async with`, and not on after an error")
        try:
            with Wrapping(self._access.adapter, self._operation):
                piece = await self._piece()
        except BaseException as error:
            self._error = error
            self._record.failed(self._event, error)
            raise
        if piece is None:
            raise StopAsyncIteration
        return piece

    def _misused(self, text: str, /) -> AegisError:
        return AegisError(ErrorCode.INVALID_ARGUMENT, text, operation=self._operation)

    async def _close(self) -> None:
        reader, self._reader = self._reader, None
        if not self._counted:
            self._counted = True
            self._record.count(self._operation, self._error)
        if reader is not None:
            with shielded(), Wrapping(self._access.adapter, self._operation):
                await reader.aclose()
        if self._error is None:
            self._error = self._misused("the reader was left")
