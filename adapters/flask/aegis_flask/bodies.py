"""A body that a view makes bit by bit, after Flask has left the request: its parts are made in the view's context."""

from contextvars import copy_context

from flask import Response

from aegis_core.kernel.wsgi import Body


def carry(response: Response) -> Response:
    """Let a streamed response have the context that is set now."""
    if response.is_streamed and not response.direct_passthrough:
        response.response = Body(response.response, copy_context().run)  # type: ignore[arg-type]  # Flask takes texts, too
    return response
