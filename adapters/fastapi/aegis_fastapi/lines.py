"""Uvicorn's lines about requests name the route, where they would name path and query."""

import logging
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

#: Of the request that is handled now: uvicorn writes its lines while an application sends.
_handled: Final[ContextVar[Scope | None]] = ContextVar("aegis_fastapi.handled", default=None)

_ACCESS: Final = "uvicorn.access"
#: In here stand WebSockets, also where access lines are turned off.
_ERROR: Final = "uvicorn.error"


def install() -> None:
    """Filter both loggers' records, whoever will handle them. Doing it twice does nothing."""
    for name in (_ACCESS, _ERROR):
        logging.getLogger(name).addFilter(with_route)


class Handling:
    """ASGI middleware: whose line it is while an application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _handled.set(scope)
        try:
            await self._app(scope, receive, send)
        finally:
            _handled.reset(token)


def with_route(record: logging.LogRecord, /) -> bool:
    """``"GET /patients/{number} HTTP/1.1" 200``."""
    args = record.args
    if not isinstance(args, tuple):
        return True
    if record.name == _ACCESS and len(args) == 5:
        record.args = (*args[:2], route_of(_handled.get()), *args[3:])
    elif '"WebSocket %s"' in str(record.msg):
        record.args = (args[0], route_of(_handled.get()), *args[2:])
    return True


def route_of(scope: Scope | None, /) -> str:
    """The path as the application declares it."""
    route = (scope or {}).get("route")
    return str(getattr(route, "path", "[no route]"))
