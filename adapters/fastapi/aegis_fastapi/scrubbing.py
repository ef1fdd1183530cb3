"""What an application raises goes on without text and locals: to the server's log, a debug page, an error tracker."""

import sys
import traceback
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aegis_core import scrub

_FAILED: Final = frozenset({"lifespan.startup.failed", "lifespan.shutdown.failed"})


class Scrubbing:
    """ASGI middleware: an exception comes out as a stand-in of the same types and places, see `aegis_core.scrub`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, _telling(send) if scope["type"] == "lifespan" else send)
        except Exception as error:  # noqa: BLE001 - every one, whoever raised it
            stand_in = scrub(error)
        else:
            return
        # Outside of the handler, so that the first error hangs on it nowhere.
        raise stand_in


def _telling(send: Send) -> Send:
    """What fails at start and at the end is told to the server in a message; Starlette puts the traceback into it."""

    async def tell(message: Message) -> None:
        if message["type"] in _FAILED:
            handled = sys.exception()
            told = traceback.format_exception(scrub(handled)) if handled is not None else ["see the log"]
            message = {**message, "message": "".join(told)}
        await send(message)

    return tell
