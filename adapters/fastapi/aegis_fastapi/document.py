"""The OpenAPI document says of a request that is refused what is answered, for whoever makes clients of it."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from aegis_core.kernel import PROBLEM_JSON

_SCHEMAS: Final = "#/components/schemas/"
#: FastAPI's own, and what it is made of.
_REPLACED: Final = ("HTTPValidationError", "ValidationError")
_TEXT: Final = {"type": "string"}
_RULE: Final = {
    "type": "object",
    "required": ["path", "rule", "message"],
    "properties": {
        "path": {"type": "array", "items": {"anyOf": [_TEXT, {"type": "integer"}]}},
        "rule": _TEXT,
        "message": _TEXT,
    },
}
_NAME: Final = "RefusedRequest"
_REFUSED: Final = {
    "title": _NAME,
    "description": "Problem details (RFC 9457). They repeat nothing of what was sent.",
    "type": "object",
    "required": ["title", "status", "code", "detail", "errors"],
    "properties": {
        **dict.fromkeys(("title", "code", "detail", "request_id"), _TEXT),
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": _RULE},
    },
}


def describe(app: FastAPI, handler: object, /) -> None:
    """Wrap the application's ``openapi``. One that is set later wins, as do responses of its own for 422.

    Arguments:
        handler: ours; where the application has another for refused requests, the document stays as it is.
    """
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.get("components", {}).get("schemas", {})
        if _REPLACED[0] in schemas and app.exception_handlers.get(RequestValidationError) is handler:
            for response in _refusals([document.get("paths"), document.get("webhooks")]):
                response["content"] = {PROBLEM_JSON: {"schema": {"$ref": _SCHEMAS + _NAME}}}
            schemas[_NAME] = _REFUSED
            for name in _REPLACED:
                if f"'{_SCHEMAS}{name}'" not in str(document):  # the application may have named it, too
                    del schemas[name]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own guide extends a document


def _refusals(node: object) -> Iterator[dict[str, Any]]:
    """Every response that FastAPI wrote for refused requests, of callbacks too."""
    if isinstance(node, dict):
        own = {"application/json": {"schema": {"$ref": _SCHEMAS + _REPLACED[0]}}}
        for name, inner in node.items():
            if name == "422" and isinstance(inner, dict) and inner.get("content") == own:
                yield inner
            else:
                yield from _refusals(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _refusals(inner)
