"""Errors as problem details (RFC 9457) that repeat nothing of what was sent."""

from flask import Response, current_app, json
from werkzeug.exceptions import InternalServerError

from aegis_core import scrub
from aegis_core.kernel import PROBLEM_JSON, AegisError, ErrorCode, problem_details, problem_headers, status_of


def respond(error: AegisError, /, *, status: int | None = None) -> Response:
    """The response for an error of ours."""
    status = status_of(error) if status is None else status
    body = problem_details(error, status=status)
    return Response(json.dumps(body), status, problem_headers(error), content_type=PROBLEM_JSON)


def of_aegis(error: AegisError) -> Response:
    """For `AegisError`, whose message holds no value. What is no fault of the caller's is for the log, too."""
    if status_of(error) >= 500:
        current_app.extensions["aegis"].log(scrub(error))
    return respond(error)


def of_anything(error: InternalServerError) -> Response:
    """For what nobody foresaw: neither its text nor its class is anybody's business."""
    return respond(AegisError(ErrorCode.INTERNAL, "see the log"))
