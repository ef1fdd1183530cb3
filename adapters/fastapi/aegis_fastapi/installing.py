"""One call for an application that is there already."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError

from aegis_core import Aegis, AegisError
from aegis_fastapi import problems
from aegis_fastapi.scrubbing import Scrubbing


def install(app: FastAPI, aegis: Aegis | None = None, /, *, trusted: bool = False) -> None:
    """Let nothing that was sent come out by an error, and give requests their ids.

    Afterwards a request that is refused is answered with 422 and says where and by which rule; an `AegisError` has the
    status of its code; anything else is 500; all as ``application/problem+json`` with the request's id. Exceptions on
    their way to the server's log have lost their texts. Handlers that the application adds later win.

    Arguments:
        aegis: whose middleware gives requests their ids; None: you have another.
        trusted: whether whoever sends requests may choose their ids, as a gateway of your own may.
    """
    app.add_exception_handler(AegisError, problems.of_aegis)
    app.add_exception_handler(RequestValidationError, problems.of_requests(app))
    app.add_exception_handler(WebSocketRequestValidationError, problems.of_websocket)
    app.add_exception_handler(Exception, problems.of_anything)
    app.add_middleware(Scrubbing)
    if aegis is not None:
        app.add_middleware(aegis.asgi, trusted=trusted)
