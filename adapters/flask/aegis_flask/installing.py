"""One call for an application that is there already."""

from flask import Flask

from aegis_core import Aegis, AegisError, ErrorCode
from aegis_flask.scrubbing import Errors, Scrubbing, WSGIApp


def install(app: Flask, aegis: Aegis | None = None, /, *, trusted: bool = False) -> None:
    """Let nothing that was sent come out by an error, and give requests their ids.

    Afterwards an `AegisError` has the status of its code and anything else that nobody foresaw is 500, both as
    ``application/problem+json`` with the request's id. Exceptions on their way to the log, to signals and to the server
    have lost their texts. While Werkzeug's debugger stands around the application every request is refused. Handlers
    of the application's own win, whenever they were added.

    Arguments:
        aegis: whose middleware gives requests their ids; None: you have another. It is not opened: services come from
            `aegis_core.blocking.PerProcess`.
        trusted: whether whoever sends requests may choose their ids, as a gateway of your own may.

    Raises:
        AegisError: ``invalid_argument``, the second time.
    """
    if "aegis" in app.extensions:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "aegis_flask is installed in this application: call it once")
    errors = app.extensions["aegis"] = Errors(app)
    app.handle_exception = errors.handle  # type: ignore[method-assign, assignment]
    app.log_exception = errors.log  # type: ignore[method-assign]
    # One that is registered would hide the application's own for a wider class.
    app._find_error_handler = errors.find  # type: ignore[method-assign, assignment]
    served: WSGIApp = Scrubbing(app.wsgi_app)
    if aegis is not None:
        served = aegis.wsgi(served, trusted=trusted)
    app.wsgi_app = served  # type: ignore[method-assign, assignment]
