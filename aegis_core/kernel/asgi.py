"""ASGI middleware: every request gets its ids, and the response says which (ASGI 3.0, HTTP and WebSocket)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from aegis_core.kernel.carriers import CORRELATION_ID, REQUEST_ID, from_headers
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import using
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy

# Any: what a scope and a message hold is the ASGI specification's, and no type checker's.
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The messages that carry the response's headers.
_STARTS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class RequestContext:
    """Sets the context of each request from its headers, and writes the ids into the response.

    Arguments:
        app: the application.
        trusted: whether whoever sends requests may choose their ids; by default nobody may, and they are made anew.
    """

    def __init__(
        self, app: ASGIApp, /, *, trusted: bool = False, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY
    ) -> None:
        self._app = app
        self._trusted = trusted
        self._clock = clock
        self._entropy = entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
        context = from_headers(headers, trusted=self._trusted, clock=self._clock, entropy=self._entropy)
        ids = {
            name.encode(): value.encode()
            for name, value in ((REQUEST_ID, context.request_id), (CORRELATION_ID, context.correlation_id))
            if value is not None
        }

        async def send_with_ids(message: MutableMapping[str, Any]) -> None:
            if message["type"] in _STARTS:
                others = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in ids]
                message = {**message, "headers": [*others, *ids.items()]}
            await send(message)

        with using(context):
            await self._app(scope, receive, send_with_ids)
