"""Errors as problem details (RFC 9457) that repeat nothing of what was sent."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import PydanticKnownError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.websockets import WebSocketState

from aegis_core import current, scrub
from aegis_core.kernel import PROBLEM_JSON, AegisError, ErrorCode, problem_details, problem_headers, status_of
from aegis_fastapi.lines import route_of

#: What stands for a part of a path that is no declared name: it was sent, as a mapping's key.
KEY: Final = "[key]"
#: Where a value was sought: the first part of every path.
_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})
#: Members of a context that quote the value, or what the application's own validator said of it.
_QUOTING: Final = ("error", "tag")
_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_INTERNAL_ERROR: Final = 1011

_log: Final = logging.getLogger("aegis_fastapi")
_LINE: Final = "%s: %s (request %s)"


def respond(error: AegisError, /, *, status: int | None = None, **more: object) -> Response:
    """The response for an error of ours."""
    status = status_of(error) if status is None else status
    body = {**problem_details(error, status=status), **more}
    return JSONResponse(body, status, headers=problem_headers(error), media_type=PROBLEM_JSON)


# Any: of a request Starlette wants a response, of a WebSocket nothing or its refusal.
async def of_aegis(connection: Request | WebSocket, error: Exception) -> Any:
    """For `AegisError`, whose message holds no value. What is no fault of the caller's is for the log, too."""
    assert isinstance(error, AegisError)
    answer = respond(error)
    if answer.status_code >= 500:
        _log.error(_LINE, *_facts(connection, error), exc_info=scrub(error))
    if isinstance(connection, WebSocket) and connection.application_state is WebSocketState.CONNECTED:
        await connection.close(_POLICY_VIOLATION if answer.status_code < 500 else _INTERNAL_ERROR, error.code)
        return None
    return answer


async def of_anything(request: Request, error: Exception) -> Response:
    """For what nobody foresaw: neither its text nor its class is anybody's business. The server logs its places."""
    told = error if isinstance(error, AegisError) else AegisError(ErrorCode.INTERNAL, "see the log")
    # No error of its own: the exception goes on to the server's log, and an error tracker would count it twice.
    _log.warning(_LINE, *_facts(request, told))
    return respond(told)


def _facts(connection: Request | WebSocket, error: AegisError) -> tuple[object, ...]:
    return error.code, route_of(connection.scope), current().request_id


async def of_websocket(websocket: WebSocket, error: Exception) -> None:
    """For a WebSocket whose first request was refused: it is closed, and told nothing of what it sent."""
    await websocket.close(_POLICY_VIOLATION, "the request is not valid")


def of_requests(app: Starlette, /) -> Callable[[Request, Exception], Any]:
    """The handler for requests that were refused: where, and by which rule, and never what stood there."""
    names = Names(app)

    async def of_request(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        refused = AegisError(ErrorCode.INVALID_ARGUMENT, "the request is not valid: see errors")
        return respond(refused, status=422, errors=[told(line, names.declared()) for line in error.errors()])

    return of_request


def told(line: Mapping[str, Any], declared: frozenset[str], /) -> dict[str, object]:
    """One refusal: ``path`` to the place, ``rule`` that was broken, ``message`` in pydantic's words for that rule.

    Arguments:
        declared: the names that may be shown; another part of a path is a key that was sent.
    """
    path = [part if isinstance(part, int) or part in declared else KEY for part in line["loc"]]
    return {"path": path, "rule": line["type"], "message": _message(line["type"], line.get("ctx") or {})}


def _message(rule: str, context: Mapping[str, Any]) -> str:
    try:
        known = PydanticKnownError(rule, {name: value for name, value in context.items() if name not in _QUOTING})  # type: ignore[arg-type]
        return known.message()
    except (KeyError, TypeError):  # a rule of the application's own, or one whose words quote the value
        return "this is not valid"


class Names:
    """The names that an application declares: of parameters, fields and models. From its OpenAPI document, once."""

    def __init__(self, app: Starlette, /) -> None:
        self._app = app
        self._declared: frozenset[str] | None = None

    def declared(self) -> frozenset[str]:
        """All of them; the places alone if the application has no document."""
        if self._declared is None:
            try:
                document: object = self._app.openapi() if isinstance(self._app, FastAPI) else {}
            except Exception:  # noqa: BLE001 - a model without a schema: its names are not shown, and it is still 422
                document = {}
            self._declared = frozenset({*_PLACES, *_names(document)})
        return self._declared


def _names(node: object) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            for part in ("properties", "schemas"):
                if isinstance(node.get(part), Mapping):
                    found.update(node[part])
            if isinstance(node.get("name"), str) and "in" in node:
                found.add(node["name"])
            waiting += [value for name, value in node.items() if name not in {"example", "examples", "default"}]
        elif isinstance(node, Sequence) and not isinstance(node, str | bytes):
            waiting += node
    return found
