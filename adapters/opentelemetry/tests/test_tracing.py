"""One trace id for spans, log lines, audit records and headers, whichever was there first."""

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_trace_id

from aegis_core import Aegis, Context, Principal, Purpose, acting, current, from_headers, to_headers, using
from aegis_opentelemetry import ContextSpans, RedactingSpanExporter, TraceIds, propagator

REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DOCTOR = Principal("dr-malee", verified_by="test")


@pytest.fixture
def tracer():
    provider = TracerProvider(id_generator=TraceIds(), shutdown_on_exit=False)
    provider.add_span_processor(ContextSpans())
    provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(InMemorySpanExporter())))
    return provider.get_tracer("clinic")


def trace_id_of(span):
    return format_trace_id(span.get_span_context().trace_id)


def test_a_span_takes_the_trace_id_of_the_context(tracer):
    with using(from_headers({"traceparent": REMOTE}, trusted=True)) as context:
        with tracer.start_as_current_span("one") as span, tracer.start_as_current_span("inner") as inner:
            assert trace_id_of(span) == trace_id_of(inner) == context.trace_id == current().trace_id
        assert current() is context


def test_the_context_takes_the_trace_id_of_a_span_and_gives_it_back(tracer):
    with using(from_headers({}, trusted=False)) as context:
        parent = propagator().extract({"traceparent": REMOTE})
        with tracer.start_as_current_span("server", context=parent) as span:
            assert trace_id_of(span) == current().trace_id == REMOTE.split("-")[1]
            assert current().sampled
            with acting(DOCTOR, purpose=Purpose.TREATMENT, subject="HN-00042"), tracer.start_as_current_span("inner"):
                assert current().trace_id == trace_id_of(span)
            assert to_headers(current())["traceparent"].startswith(f"00-{trace_id_of(span)}-")
            assert (current().request_id, current().principal) == (context.request_id, None)
        assert current() is context


def test_without_a_context_each_root_has_an_id_of_its_own_and_none_is_left(tracer):
    found = []
    for _ in range(2):
        with tracer.start_as_current_span("job") as span:
            assert current().trace_id == trace_id_of(span)
            found.append(trace_id_of(span))
        assert current() == Context()
    assert found[0] != found[1]


def test_a_span_that_ends_elsewhere_takes_nothing_from_there(tracer):
    span = tracer.start_span("job", context=propagator().extract({"traceparent": REMOTE}))
    with using(from_headers({}, trusted=False)) as elsewhere:
        span.end()
        assert current() is elsewhere


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("outermost", ["aegis", "opentelemetry"])
@pytest.mark.parametrize("trusted", [False, True])
async def test_in_a_request_both_have_one_trace_id_whoever_comes_first(tracer, outermost, trusted):
    seen = []

    async def app(scope, receive, send):
        seen.append((current(), trace_id_of(trace.get_current_span())))

    def instrumented(inner):  # as the instrumentations of OpenTelemetry do
        async def outer(scope, receive, send):
            headers = {key.decode(): value.decode() for key, value in scope["headers"]}
            with tracer.start_as_current_span("server", context=propagator().extract(headers)):
                await inner(scope, receive, send)

        return outer

    aegis = Aegis()
    if outermost == "aegis":
        served = aegis.asgi(instrumented(app), trusted=trusted)
    else:
        served = instrumented(aegis.asgi(app, trusted=trusted))
    await served({"type": "http", "headers": [(b"traceparent", REMOTE.encode())]}, None, None)
    ((context, span_id),) = seen
    if outermost == "aegis" or trusted:
        assert context.trace_id == span_id
    else:
        assert context.trace_id != span_id  # the guide says which goes outside


def test_outgoing_headers_hold_ids_and_the_baggage_that_was_named(phi_canary):
    kept = propagator(keep={"tenant"})
    carrier: dict[str, str] = {}
    bag = baggage.set_baggage("tenant", "eu", baggage.set_baggage("mrn", phi_canary.patient["mrn"]))
    with (
        using(from_headers({}, trusted=False)) as context,
        acting(DOCTOR, purpose=Purpose.TREATMENT, subject=phi_canary.patient["mrn"]),
    ):
        kept.inject(carrier, bag)
    assert carrier == {
        "x-request-id": context.request_id,
        "x-correlation-id": context.correlation_id,
        "baggage": "tenant=eu",
    }
    taken = kept.extract({"baggage": f"tenant=eu,who={phi_canary.patient['mrn']}", "traceparent": REMOTE})
    assert dict(baggage.get_all(taken)) == {"tenant": "eu"}
    phi_canary.assert_absent(str(carrier), str(taken))
    assert propagator().fields >= {"traceparent", "x-request-id", "baggage"}
