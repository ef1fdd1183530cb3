"""An error as HTTP tells it: a status, and problem details without inputs (RFC 9457)."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aegis_core.kernel.context import current
from aegis_core.kernel.errors import AegisError, ErrorCode, MisuseError
from aegis_core.kernel.problems import SettingsError

PROBLEM_JSON: Final = "application/problem+json"
_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS.value

#: As the canonical codes of RPC are told in HTTP; who is at fault decides between 4xx and 5xx.
_STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.ALREADY_EXISTS: 409,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.INVALID_ARGUMENT: 400,
    ErrorCode.UNSUPPORTED: 501,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.DEADLINE_EXCEEDED: 504,
    ErrorCode.RESOURCE_EXHAUSTED: 503,  # a full disk is no fault of who sent the request, and the operator must see it
    ErrorCode.INTEGRITY: 500,
    ErrorCode.CONFLICT: 409,
    ErrorCode.CANCELLED: 503,
    ErrorCode.INTERNAL: 500,
}


def status_of(error: AegisError, /) -> int:
    """The HTTP status (RFC 9110 §15) of an error.

    What is exhausted and says when to try again is a limit that the caller ran into: 429 (RFC 6585 §4). Else there is
    no room here: 503.
    """
    code = _code_of(error)
    if code is ErrorCode.RESOURCE_EXHAUSTED and error.retry_after is not None:
        return _TOO_MANY
    return _STATUS[code]


def _code_of(error: AegisError) -> ErrorCode:
    """What settings or the program made invalid is no argument of who sent a request."""
    return ErrorCode.INTERNAL if isinstance(error, SettingsError | MisuseError) else error.code


def problem_details(error: AegisError, /, *, status: int | None = None) -> dict[str, object]:
    """The body of an ``application/problem+json`` response (RFC 9457 §3), of the type ``about:blank`` (§4.2.1).

    It holds the code, and the request's id, by which the operator finds the rest in the log. The sentence is there
    where the caller is at fault; of an error on our side it could only tell strangers how the house is built.

    Arguments:
        status: of the response, where it is another than that of the error's code.

    Example:
        >>> problem_details(AegisError(ErrorCode.NOT_FOUND, "there is no such report"))["status"]
        404
    """
    code = _code_of(error)
    status = status_of(error) if status is None else status
    details: dict[str, object] = {"title": HTTPStatus(status).phrase, "status": status, "code": code.value}
    if status < 500:
        details["detail"] = error.message
    request_id = current().request_id
    if request_id is not None:
        details["request_id"] = request_id
    return details


def problem_headers(error: AegisError, /) -> dict[str, str]:
    """``Retry-After`` in whole seconds (RFC 9110 §10.2.3), where the error says when to try again."""
    return {} if error.retry_after is None else {"retry-after": str(max(1, math.ceil(error.retry_after)))}
