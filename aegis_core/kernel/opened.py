"""The adapters of one service: opened in order, closed in reverse, all of them whatever one of them raises."""

from collections.abc import Iterable
from contextlib import suppress

from aegis_core.kernel.adapter import Adapter
from aegis_core.kernel.backend import refuse_other_backend
from aegis_core.kernel.errors import AegisError
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.lifetimes import shielded


class OpenedAdapters:
    """What a service has opened and must close.

    Arguments:
        service: its name in errors: ``"storage"`` for the operations ``storage.open`` and ``storage.aclose``.
    """

    def __init__(self, service: str, /) -> None:
        self._service = service
        self._opened: list[Adapter] = []

    async def open(self, adapters: Iterable[Adapter], /) -> None:
        """Open each adapter once.

        Raises:
            AegisError: ``unsupported`` for an adapter that cannot run on this backend, before any is opened; what an
                adapter raises. What had opened is closed again.
        """
        operation = f"{self._service}.open"
        once = list({id(adapter): adapter for adapter in adapters}.values())
        for adapter in once:
            refuse_other_backend(adapter, operation=operation)
        try:
            for adapter in once:
                self._opened.append(adapter)
                with Wrapping(adapter, operation):
                    await adapter.open()
        except BaseException:
            with suppress(AegisError):  # what made opening fail is told, not what closing made of it
                await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close them, also for a cancelled caller. Idempotent.

        Raises:
            AegisError: the first that an adapter raised; the others are closed all the same.
        """
        opened, self._opened = self._opened, []
        failure: Exception | None = None
        with shielded():
            for adapter in reversed(opened):
                try:
                    with Wrapping(adapter, f"{self._service}.aclose"):
                        await adapter.aclose()
                except Exception as error:  # noqa: BLE001 - raised below
                    failure = failure or error
        if failure is not None:
            raise failure
