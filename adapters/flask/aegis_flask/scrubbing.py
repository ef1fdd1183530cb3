"""What an application raises goes on without its text and its locals: to its log, to its server's, to Sentry."""

from collections.abc import Callable, Iterable, MutableMapping
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, TypeAlias

from flask import Flask, Response, json, request
from flask.typing import ErrorHandlerCallable
from werkzeug.exceptions import InternalServerError

from aegis_core import AegisError, current, scrub
from aegis_core.kernel import PROBLEM_JSON
from aegis_core.kernel.wsgi import around
from aegis_flask import problems

# Any: what an environ holds, and what `start_response` gives, is PEP 3333's.
Environ: TypeAlias = MutableMapping[str, Any]
WSGIApp: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_DEBUGGER: Final = "werkzeug.debug.preserve_context"
_SERVER: Final = "SERVER_SOFTWARE"  # RFC 3875 §4.1.17
_REFUSED: Final = json.dumps(
    {
        "title": "Not Implemented",
        "status": 501,
        "code": "unsupported",
        "detail": "Werkzeug's debugger runs code for whoever reaches it: leave it out, with flask run --no-debugger",
    }
).encode()


class Errors:
    """What stands in the place of an application's own ``handle_exception`` and its like."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._handle = app.handle_exception
        self._find = app._find_error_handler

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

    def find(self, error: Exception, blueprints: list[str]) -> ErrorHandlerCallable | None:
        """The application's own handler; ours where it has none, whenever it gets one."""
        found = self._find(error, blueprints)
        if found is None and isinstance(error, AegisError):
            return problems.of_aegis
        if found is None and isinstance(error, InternalServerError):
            return problems.of_anything
        return found

    def log(self, exc_info: Any) -> None:
        """Name the route, where Flask names the path, and the request's id, if it has one."""
        told = f"Exception in {request.url_rule or 'no route'} [{request.method}]"
        request_id = current().request_id
        if request_id is not None:
            told += f" (request {request_id})"
        self._app.logger.error("%s", told, exc_info=exc_info)


class Scrubbing:
    """WSGI middleware: an exception comes out as a stand-in of the same types and places, see `aegis_core.scrub`.

    Out of the application, and out of a body that it makes bit by bit, which no handler of Flask's sees. All of it runs
    in a copy of the thread's context variables: who acts is not left to the next request, whatever fails.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _DEBUGGER in environ and _SERVER in environ:  # Flask's test client keeps contexts by the same name
            start_response("501 Not Implemented", [("Content-Type", PROBLEM_JSON)])
            return [_REFUSED]
        run = partial(_scrubbed, copy_context())
        return around(run(self._app, environ, start_response), environ, run)


# Any: it hands on whatever it is given.
def _scrubbed(variables: Context, call: Callable[..., Any], /, *args: Any) -> Any:
    try:
        return variables.run(call, *args)
    except StopIteration:
        raise
    except Exception as error:  # noqa: BLE001 - every one, whoever raised it
        stand_in = scrub(error)
    # Outside of the handler, so that the first error hangs on it nowhere.
    raise stand_in
