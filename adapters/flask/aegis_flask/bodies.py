"""A body that a view makes bit by bit, after Flask has left the request: its parts are made in the view's context."""

from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from typing import Any

from flask import Response


class Body:
    """An iterable with something around each of its steps, and around its end.

    Arguments:
        run: calls what it is given, with its arguments.
    """

    def __init__(self, parts: Iterable[Any], run: Callable[..., Any]) -> None:
        self._whole = parts
        self._run = run
        self._parts: Iterator[Any] = run(iter, parts)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._run(next, self._parts)

    def close(self) -> None:
        """Close what is inside, if it can be closed (PEP 3333)."""
        close = getattr(self._whole, "close", None)
        if close is not None:
            self._run(close)


def carry(response: Response) -> Response:
    """Let a streamed response have the context that is set now."""
    if response.is_streamed and not response.direct_passthrough:
        response.response = Body(response.response, copy_context().run)
    return response
