"""Carry the context across borders: HTTP headers and thread pools. Subject and roles never leave the process."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import Context, current, using
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.fresh import fresh_contexts, nonzero

P = ParamSpec("P")
T = TypeVar("T")

REQUEST_ID = "x-request-id"
CORRELATION_ID = "x-correlation-id"
TRACEPARENT = "traceparent"

_fresh = fresh_contexts(SYSTEM_CLOCK, SYSTEM_ENTROPY)
_ID = re.compile(r"[\x21-\x7e]{1,128}")
#: W3C Trace Context §3.2: version, trace id, parent id, flags, lower case; a later version may append fields.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def is_valid_id(text: str, /) -> bool:
    """Whether a request or correlation id may be taken over: 1 to 128 visible ASCII characters."""
    return _ID.fullmatch(text) is not None


def parse_traceparent(text: str, /) -> tuple[str, bool] | None:
    """Read a ``traceparent`` strictly (W3C Trace Context §3.2); None: restart the trace.

    Returns:
        The trace id, 32 lower-case hexadecimal digits, and whether the caller records the trace.
    """
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if trace_id == "0" * 32 or parent_id == "0" * 16:
        return None
    return trace_id, bool(int(flags, 16) & 1)


def to_headers(context: Context, /, *, entropy: Entropy = SYSTEM_ENTROPY) -> dict[str, str]:
    """Headers for an outgoing request: ``traceparent``, ``x-request-id``, ``x-correlation-id``, as far as known.

    Never the subject, the principal or a role.

    Arguments:
        entropy: makes the parent id of ``traceparent``, which names this hop.
    """
    headers: dict[str, str] = {}
    if context.request_id is not None and is_valid_id(context.request_id):
        headers[REQUEST_ID] = context.request_id
    if context.correlation_id is not None and is_valid_id(context.correlation_id):
        headers[CORRELATION_ID] = context.correlation_id
    if context.trace_id is not None:
        parent_id = nonzero(entropy.octets(8).hex())
        traceparent = f"00-{context.trace_id}-{parent_id}-{context.sampled:02x}"
        if parse_traceparent(traceparent) is not None:
            headers[TRACEPARENT] = traceparent
    return headers


def from_headers(
    headers: Mapping[str, str],
    /,
    *,
    trusted: bool,
    clock: Clock = SYSTEM_CLOCK,
    entropy: Entropy = SYSTEM_ENTROPY,
) -> Context:
    """The context of an incoming request. It has all three ids: what is missing, invalid or untrusted is made anew.

    Arguments:
        headers: names in any case.
        trusted: whether the peer's ids may be taken over. A client at large is not.
    """
    system = clock is SYSTEM_CLOCK and entropy is SYSTEM_ENTROPY
    context = _fresh() if system else fresh_contexts(clock, entropy, at_once=1)()
    return taken_over({name.lower(): value for name, value in headers.items()}, context) if trusted else context


def taken_over(headers: Mapping[str, str], fresh: Context, /) -> Context:
    """The context of a trusted peer's request, with the ids of the fresh one where its own are missing or invalid.

    Arguments:
        headers: names in lower case.
    """
    request_id = _valid(headers.get(REQUEST_ID)) or fresh.request_id
    correlation_id = _valid(headers.get(CORRELATION_ID)) or request_id
    trace_id, sampled = parse_traceparent(headers.get(TRACEPARENT, "")) or (fresh.trace_id, False)
    return Context(request_id=request_id, correlation_id=correlation_id, trace_id=trace_id, sampled=sampled)


def _valid(text: str | None) -> str | None:
    return text if text is not None and is_valid_id(text) else None


class ContextExecutor(ThreadPoolExecutor):
    """A thread pool whose jobs run in the context of the code that submitted them. A plain executor loses it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        context = current()

        def run() -> T:
            with using(context):
                return fn(*args, **kwargs)

        return super().submit(run)
