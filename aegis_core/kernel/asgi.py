"""ASGI middleware: every request gets its ids, and the response says which (ASGI 3.0, HTTP and WebSocket)."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Protocol, TypeAlias

from aegis_core.kernel.carriers import CORRELATION_ID, REQUEST_ID, TRACEPARENT, taken_over
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import context_variable
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.fresh import fresh_contexts

# Any: what a scope and a message hold is the ASGI specification's, and no type checker's.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Sent: TypeAlias = Awaitable[None]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Sent]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Middleware(Protocol):
    """Wraps an application; made to be handed to a framework, which calls it."""

    # Not positional-only: older versions of Starlette hand `app` over by its name.
    def __call__(self, app: ASGIApp, *, trusted: bool = False) -> ASGIApp: ...


_REQUESTS: Final = frozenset({"http", "websocket"})
#: The messages that carry the response's headers.
_STARTS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_REQUEST_ID: Final = REQUEST_ID.encode()
_CORRELATION_ID: Final = CORRELATION_ID.encode()
_READ: Final = frozenset({_REQUEST_ID, _CORRELATION_ID, TRACEPARENT.encode()})
_WRITTEN: Final = frozenset({_REQUEST_ID, _CORRELATION_ID})
#: ASGI wants names in lower case, and not everybody writes them so; by its length most are told at once.
_LENGTHS: Final = frozenset(map(len, _READ))


def request_context(
    app: ASGIApp, /, *, trusted: bool = False, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY
) -> ASGIApp:
    """Wrap an application: each request has a context with its ids, and they are written into the response.

    A function in a function, because this runs around every request: what it needs lies in cells, not behind ``self``.

    Arguments:
        trusted: whether whoever sends requests may choose their ids; by default nobody may, and they are made anew.
    """
    fresh = fresh_contexts(clock, entropy)
    enter, leave = context_variable.set, context_variable.reset

    async def with_context(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _REQUESTS:
            await app(scope, receive, send)
            return
        context = fresh()
        if trusted:
            context = taken_over(_texts(scope.get("headers", ())), context)

        # No coroutine of its own: it hands on the one of `send`. Its annotations are evaluated for each request, too.
        def send_with_ids(message: Message) -> Sent:
            if message["type"] in _STARTS:
                headers = [
                    (_REQUEST_ID, (context.request_id or "").encode()),
                    (_CORRELATION_ID, (context.correlation_id or "").encode()),
                ]
                for header in message.get("headers", ()):
                    if len(header[0]) not in _LENGTHS or header[0].lower() not in _WRITTEN:
                        headers.append(header)  # noqa: PERF401 - a comprehension is one more call
                message = {**message, "headers": headers}
            return send(message)

        # What `using` does, without its calls.
        token = enter(context)
        try:
            await app(scope, receive, send_with_ids)
        finally:
            leave(token)

    return with_context


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that `taken_over` reads, names in lower case."""
    return {
        name.lower().decode(): value.decode("latin-1")
        for name, value in headers
        if len(name) in _LENGTHS and name.lower() in _READ
    }
