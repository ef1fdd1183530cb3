"""What an application raises goes on without its text and its locals: to its log, to its server's, to Sentry."""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, ParamSpec, TypeAlias, TypeVar

from flask import Flask, Response, json, request

from aegis_core import scrub
from aegis_core.kernel import PROBLEM_JSON
from aegis_core.kernel.wsgi import Body

P = ParamSpec("P")
T = TypeVar("T")
# Any: what an environ holds, and what `start_response` gives, is PEP 3333's.
Environ: TypeAlias = MutableMapping[str, Any]
WSGIApp: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_DEBUGGER = "werkzeug.debug.preserve_context"
_REFUSED = json.dumps(
    {
        "title": "unsupported",
        "status": 501,
        "code": "unsupported",
        "detail": "Werkzeug's debugger runs code for whoever reaches it: leave it out, with flask run --no-debugger",
    }
).encode()


class Errors:
    """What stands in the place of an application's own ``handle_exception`` and ``log_exception``."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._handle = app.handle_exception

    def handle(self, error: Exception) -> Response:
        """Let Flask do what it does, signal, log line and response, with a stand-in for the exception."""
        stand_in = scrub(error)
        context, traceback = stand_in.__context__, stand_in.__traceback__
        try:
            raise stand_in  # Flask logs what is being handled
        except Exception as handled:  # noqa: BLE001 - it has just been raised
            # Neither the exception that it stands for hangs on it now, nor this frame, which knows it.
            handled.__context__ = context
            return self._handle(handled.with_traceback(traceback))

    def log(self, exc_info: Any) -> None:
        """Name the route, where Flask names the path."""
        self._app.logger.error(
            "Exception in %s [%s]", request.url_rule or "no route", request.method, exc_info=exc_info
        )


class Scrubbing:
    """WSGI middleware: an exception comes out as a stand-in of the same types and places, see `aegis_core.scrub`.

    Out of the application, and out of a body that it makes bit by bit, which no handler of Flask's sees.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _DEBUGGER in environ:
            start_response("501 Not Implemented", [("Content-Type", PROBLEM_JSON)])
            return [_REFUSED]
        body = _scrubbed(self._app, environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(body, list | tuple) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper)):
            return body  # whole already, or a file that the server knows how to send
        return Body(body, _scrubbed)


def _scrubbed(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    except StopIteration:
        raise
    except Exception as error:  # noqa: BLE001 - every one, whoever raised it
        stand_in = scrub(error)
    # Outside of the handler, so that the first error hangs on it nowhere.
    raise stand_in
