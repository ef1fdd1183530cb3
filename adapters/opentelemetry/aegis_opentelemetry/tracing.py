"""One trace id: that of the current span is that of the core's context, whichever was there first."""

from contextlib import AbstractContextManager

import attrs
from opentelemetry.context import Context as SpanContexts
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import format_trace_id

from aegis_core import Context, current, using


class TraceIds(RandomIdGenerator):
    """``TracerProvider(id_generator=TraceIds())``: a span without a parent takes the trace id of the core's context.

    Where there is none, of a script that set no context, it is made by chance.
    """

    def generate_trace_id(self) -> int:
        """The context's, or a new one."""
        known = current().trace_id
        return int(known, 16) if known is not None else super().generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """Not to be promised: a trusted peer's id was taken over."""
        return False


class ContextSpans(SpanProcessor):
    """``provider.add_span_processor(ContextSpans())``: the core's context takes the trace id of a span.

    Of one that has no parent in this process: a server's span whose parent stands in the request's headers. While it
    runs, log lines, audit records and outgoing headers have its trace id. Spans that are not recorded change nothing.
    """

    def __init__(self) -> None:
        self._entered: dict[int, AbstractContextManager[Context]] = {}

    def on_start(self, span: Span, parent_context: SpanContexts | None = None) -> None:
        """Set the trace id."""
        context, before = span.get_span_context(), current()
        if span.parent is not None and not span.parent.is_remote:
            return
        trace_id, sampled = format_trace_id(context.trace_id), context.trace_flags.sampled
        if (before.trace_id, before.sampled) != (trace_id, sampled):
            entered = using(attrs.evolve(before, trace_id=trace_id, sampled=sampled))
            entered.__enter__()
            self._entered[context.span_id] = entered

    def on_end(self, span: ReadableSpan) -> None:
        """Set what was there before, unless somebody else has set another since."""
        context = span.get_span_context()
        entered = self._entered.pop(context.span_id, None) if context is not None else None
        if entered is not None and context is not None and current().trace_id == format_trace_id(context.trace_id):
            entered.__exit__(None, None, None)
