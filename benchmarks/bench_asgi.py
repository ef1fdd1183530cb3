"""What the ASGI middleware adds to a request, beside the middlewares that people use for the same."""

import time
from collections.abc import Awaitable, Callable, Iterable

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from aegis_core.kernel.asgi import ASGIApp, Receive, Scope, Send, request_context
from benchmarks.rows import Row, interleaved_async, on_asyncio

_AREA = "asgi"
_HEADERS = [
    (b"host", b"clinic.example"),
    (b"user-agent", b"curl/8"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip"),
    (b"connection", b"keep-alive"),
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
]


async def _bare(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"ok"})


class _PassingOn(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


def rows(quick: bool) -> Iterable[Row]:
    """The difference to the bare application, for each."""
    apps: dict[str, ASGIApp] = {
        "bare": _bare,
        "ours": request_context(_bare),
        "trusted": request_context(_bare, trusted=True),
        "asgi-correlation-id": CorrelationIdMiddleware(_bare),
        "BaseHTTPMiddleware": _PassingOn(_bare),
    }
    figures = on_asyncio(lambda: _measured(apps, 500 if quick else 3_000))
    added = {name: figure - figures["bare"] for name, figure in figures.items()}
    peers = {name: added[name] for name in ("asgi-correlation-id", "BaseHTTPMiddleware")}
    note = "added to a bare application; ids made anew"
    yield Row(
        _AREA, "request ids, untrusted", added["ours"], ratio=added["ours"] * 1e6, target=3.0, peers=peers, note=note
    )
    yield Row(_AREA, "request ids, trusted peer", added["trusted"], note="the same; ids and traceparent taken over")


async def _measured(apps: dict[str, ASGIApp], number: int) -> dict[str, float]:
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": _HEADERS, "state": {}}

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None: ...

    def call(app: ASGIApp) -> Callable[[], Awaitable[None]]:
        return lambda: app(dict(scope), receive, send)

    calls = {name: call(app) for name, app in apps.items()}
    return await interleaved_async(calls, number=number, timer=time.process_time)
