"""What an application raises goes on without text and locals: to the server's log, a debug page, an error tracker."""

from starlette.types import ASGIApp, Receive, Scope, Send

from aegis_core import scrub


class Scrubbing:
    """ASGI middleware: an exception comes out as a stand-in of the same types and places, see `aegis_core.scrub`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - every one, whoever raised it
            stand_in = scrub(error)
        else:
            return
        # Outside of the handler, so that the first error hangs on it nowhere.
        raise stand_in
