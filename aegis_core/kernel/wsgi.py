"""WSGI middleware: every request gets its ids, and the response says which (PEP 3333)."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextvars import copy_context
from typing import Any, Final, TypeAlias

from aegis_core.kernel.carriers import CORRELATION_ID, REQUEST_ID, TRACEPARENT, taken_over
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import context_variable
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.fresh import fresh_contexts

# Any: what an environ holds, and what `start_response` gives, is PEP 3333's.
Environ: TypeAlias = MutableMapping[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
Headers: TypeAlias = list[tuple[str, str]]
WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_READ: Final = {f"HTTP_{name.upper().replace('-', '_')}": name for name in (REQUEST_ID, CORRELATION_ID, TRACEPARENT)}
_WRITTEN: Final = frozenset({REQUEST_ID, CORRELATION_ID})


def request_context(
    app: WSGIApp, /, *, trusted: bool = False, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY
) -> WSGIApp:
    """Wrap an application: each request has a context with its ids, and they are written into the response.

    The application, and the body that it makes bit by bit, run in a copy of the thread's context variables: nothing of
    a request is left to the next one on the same thread, also where a server forgets to close a body.

    Arguments:
        trusted: whether whoever sends requests may choose their ids; by default nobody may, and they are made anew.
    """
    fresh = fresh_contexts(clock, entropy)

    def with_context(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        context = fresh()
        if trusted:
            context = taken_over({name: environ[key] for key, name in _READ.items() if key in environ}, context)

        # Its annotations are evaluated for each request, too.
        def start_with_ids(status: str, headers: Headers, *exc_info: object) -> object:
            answered = [header for header in headers if header[0].lower() not in _WRITTEN]
            answered.append((REQUEST_ID, context.request_id or ""))
            answered.append((CORRELATION_ID, context.correlation_id or ""))
            return start_response(status, answered, *exc_info)

        variables = copy_context()
        variables.run(context_variable.set, context)
        return around(variables.run(app, environ, start_with_ids), environ, variables.run)

    return with_context


def around(body: Iterable[bytes], environ: Environ, run: Callable[..., Any], /) -> Iterable[bytes]:
    """The body with something around its steps; one that is whole, or a file that the server can send, as it is."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(body, list | tuple) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper)):
        return body
    return Body(body, run)


class Body:
    """A body with something around each of its steps, and around its end.

    Arguments:
        run: calls what it is given, with its arguments: in a context, or with an eye on what it raises.
    """

    def __init__(self, body: Iterable[bytes], run: Callable[..., Any], /) -> None:
        self._body = body
        self._run = run
        self._parts: Iterator[bytes] = run(iter, body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part: bytes = self._run(next, self._parts)
        return part

    def close(self) -> None:
        """Close what is inside, if it can be closed (PEP 3333)."""
        close = getattr(self._body, "close", None)
        if close is not None:
            self._run(close)
