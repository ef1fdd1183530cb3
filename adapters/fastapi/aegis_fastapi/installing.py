"""One call for an application that is there already."""

from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from fastapi import exception_handlers as of_fastapi
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from aegis_core import Aegis, AegisError, ErrorCode
from aegis_fastapi import lines, problems
from aegis_fastapi.document import describe
from aegis_fastapi.scrubbing import Scrubbing


def install(app: Starlette, aegis: Aegis | None = None, /, *, trusted: bool = False) -> None:
    """Let nothing that was sent come out by an error, and give requests their ids.

    Afterwards a request that is refused is answered with 422 and says where and by which rule; an `AegisError` has the
    status of its code; anything else is 500; all as ``application/problem+json`` with the request's id, as the OpenAPI
    document then says. Exceptions on their way to the server's log have lost their texts, and uvicorn's lines name the
    route. Handlers of the application's own win, whenever they were added. Applications that are mounted in this one
    when it first is called are treated alike.

    Arguments:
        app: a FastAPI application, before its first request.
        aegis: whose middleware gives requests their ids; None: you have another.
        trusted: whether whoever sends requests may choose their ids, as a gateway of your own may.

    Raises:
        AegisError: ``invalid_argument``, the second time.
    """
    if _is_installed(app):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "aegis_fastapi is installed in this application: call it once")
    app.add_middleware(_errors, of=app)
    lines.install()
    if aegis is not None:
        app.add_middleware(aegis.asgi, trusted=trusted)
    handlers = app.exception_handlers
    handlers.setdefault(AegisError, problems.of_aegis)
    if _is_unchanged(app, RequestValidationError, of_fastapi.request_validation_exception_handler):
        handlers[RequestValidationError] = handler = problems.of_requests(app)
        if isinstance(app, FastAPI):
            describe(app, handler)
    if _is_unchanged(app, WebSocketRequestValidationError, of_fastapi.websocket_request_validation_exception_handler):
        handlers[WebSocketRequestValidationError] = problems.of_websocket


def _errors(app: ASGIApp, of: Starlette) -> ASGIApp:
    """Middleware, made when the application is first called: its handlers and its mounts are known by then.

    Starlette answers for what nobody foresaw from outside of all middleware, where the request has no ids any more.
    Here it has them; from there the exception then goes on to the server's log.
    """
    for mounted in _mounted(of.routes):
        if not _is_installed(mounted):
            install(mounted)
    handlers = [handler for key, handler in of.exception_handlers.items() if key in (500, Exception)]
    handler = handlers[-1] if handlers else problems.of_anything
    return lines.Handling(ServerErrorMiddleware(Scrubbing(app), handler=handler, debug=of.debug))


def _is_installed(app: Starlette) -> bool:
    around: list[object] = [middleware.cls for middleware in app.user_middleware]
    return _errors in around


def _is_unchanged(app: Starlette, kind: type[Exception], default: object) -> bool:
    return app.exception_handlers.get(kind, default) is default


def _mounted(routes: Iterable[object]) -> Iterator[Starlette]:
    for route in routes:
        inner = getattr(route, "app", None) or getattr(route, "original_router", None)  # of a mount, of an inclusion
        if isinstance(inner, Starlette):
            yield inner
        else:
            yield from _mounted(getattr(inner, "routes", ()))
