"""With the real SDK: what an exporter is handed, and what it writes, holds nothing of the patient."""

import io
import logging

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    ConsoleLogRecordExporter,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from aegis_core import PHI, Mrn, PatientName, Pseudonym, Redaction, guarded
from aegis_opentelemetry import RedactingLogExporter, RedactingSpanExporter


@guarded
class Patient:
    mrn: Mrn
    name: PatientName


class Traced:
    def __init__(self, **options):
        self.kept, self.written = InMemorySpanExporter(), io.StringIO()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(self.kept, **options)))
        console = ConsoleSpanExporter(out=self.written)
        self.provider.add_span_processor(BatchSpanProcessor(RedactingSpanExporter(console, **options)))
        self.tracer = self.provider.get_tracer("clinic")

    def ended(self):
        self.provider.shutdown()
        return {span.name: span for span in self.kept.get_finished_spans()}


@pytest.fixture
def traced():
    return Traced()


def test_no_byte_of_a_span_holds_anything_of_the_patient(traced, phi_canary):
    mrn, name = phi_canary.patient["mrn"], phi_canary.patient["name"]
    marked = {
        "mrn": mrn,
        "clinic.patient.name": name,
        "name": [name, mrn],
        "enduser.id": mrn,
        "user.email": name,
        "client.address": mrn,
        "user_agent.original": name,
        "http.request.header.x-patient": (mrn,),
        "url.full": f"https://{mrn}:{name}@lab.example:8443/patients/{mrn}?name={name}#{name}",
        "http.url": f"https://lab.example/patients/{mrn}",
        "http.target": f"/patients/{mrn}?name={name}",
        "url.path": f"/patients/{mrn}",
        "url.query": f"name={name}",
        "db.statement": f"SELECT * FROM report WHERE name = '{name}'",
        "db.query.text": "SELECT id FROM report WHERE mrn = %s",
        "db.query.parameter.0": mrn,
        "gen_ai.input.messages": name,
        "exception.message": name,
        "error.message": name,
        "messaging.kafka.message.key": mrn,
        "cloudevents.event_subject": mrn,
    }
    link = traced.tracer.start_span("before")
    link.end()
    with (
        pytest.raises(ExceptionGroup),
        traced.tracer.start_as_current_span(
            "admit", attributes=marked, links=[Link(link.get_span_context(), {"mrn": mrn})]
        ) as span,
    ):
        span.add_event("looked for", {"name": name})
        try:
            raise KeyError(name)
        except KeyError as error:
            error.add_note(mrn)
            raise ExceptionGroup(name, [error]) from error
    spans = traced.ended()
    phi_canary.assert_absent(traced.written.getvalue(), *(span.to_json() for span in spans.values()))
    told = spans["admit"].attributes
    assert (told["mrn"], told["clinic.patient.name"], told["name"]) == ("[phi.mrn]", "[phi.name]", "[phi.name]")
    assert (told["url.full"], told["url.path"]) == ("https://lab.example:8443", "[url]")
    assert (told["db.statement"], told["db.query.text"]) == ("SELECT", "SELECT report")
    looked, raised = spans["admit"].events
    assert (looked.name, looked.attributes["name"]) == ("looked for", "[phi.name]")
    assert raised.attributes["exception.type"] == "ExceptionGroup"
    assert (spans["admit"].status.status_code, spans["admit"].status.description) == (
        StatusCode.ERROR,
        "ExceptionGroup",
    )
    assert spans["admit"].links[0].attributes["mrn"] == "[phi.mrn]"


def test_what_names_no_person_stays_as_it_was(traced):
    attributes = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/patients/{mrn}",
        "server.address": "clinic.example",
        "url.scheme": "https",
        "db.system": "postgresql",
        "db.collection.name": "report",  # a field of a patient is called so, too
        "code.function.name": "admit",
        "ward": 4,
        "beds": (1, 2),
        "full": True,
    }
    with traced.tracer.start_as_current_span(
        "GET /patients/{mrn}", attributes=attributes, kind=SpanKind.SERVER
    ) as span:
        context = span.get_span_context()
        span.set_status(Status(StatusCode.OK))
    (told,) = traced.ended().values()
    assert told.attributes == attributes
    assert (told.context, told.kind, told.parent, told.instrumentation_scope.name) == (
        context,
        SpanKind.SERVER,
        None,
        "clinic",
    )
    assert 0 < told.start_time <= told.end_time


def test_a_path_is_told_by_its_route_and_a_name_that_was_made_of_it_too(traced, phi_canary):
    mrn = phi_canary.patient["mrn"]
    server = {"http.method": "GET", "http.target": f"/patients/{mrn}", "http.url": f"http://h/patients/{mrn}"}
    traced.tracer.start_span(f"GET /patients/{mrn}", attributes={**server, "http.route": "/patients/{mrn}"}).end()
    traced.tracer.start_span(f"GET /patients/{mrn}", attributes=server).end()
    statement = f"SELECT * FROM report WHERE mrn = '{mrn}'"
    traced.tracer.start_span(statement, attributes={"db.statement": statement}).end()
    spans = traced.ended()
    assert spans.keys() == {"GET /patients/{mrn}", "GET", "SELECT"}
    assert spans["GET /patients/{mrn}"].attributes["http.target"] == "/patients/{mrn}"
    assert spans["GET /patients/{mrn}"].attributes["http.url"] == "http://h/patients/{mrn}"
    phi_canary.assert_absent(traced.written.getvalue())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("GET /patients/{} http send", "GET [url] http send"),
        ("/wards/{} websocket receive", "[url] websocket receive"),
        ("GET http send", "GET http send"),
    ],
)
def test_a_span_below_a_request_of_asgi_is_not_named_after_its_path(traced, phi_canary, name, told):
    said = name.format(phi_canary.patient["name"])  # as it was asked for, with blanks
    traced.tracer.start_span(said, attributes={"asgi.event.type": "http.response.start"}).end()
    assert traced.ended().keys() == {told}
    phi_canary.assert_absent(traced.written.getvalue())


def test_the_resource_tells_the_program_and_not_how_it_was_called(phi_canary):
    mrn = phi_canary.patient["mrn"]
    resource = Resource({"service.name": "clinic", "process.command_args": ["send", mrn], "process.command_line": mrn})
    kept = InMemorySpanExporter()
    spans = TracerProvider(shutdown_on_exit=False, resource=resource)
    spans.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(kept)))
    for _ in range(2):
        spans.get_tracer("clinic").start_span("admit").end()
    first, second = (span.resource for span in kept.get_finished_spans())
    assert first is second  # exporters group spans by it
    assert first.attributes["service.name"] == "clinic"
    lines = InMemoryLogRecordExporter()
    records = LoggerProvider(shutdown_on_exit=False, resource=resource)
    records.add_log_record_processor(SimpleLogRecordProcessor(RedactingLogExporter(lines)))
    records.get_logger("clinic").emit(LogRecord(body="ward is full"))
    (line,) = lines.get_finished_logs()
    phi_canary.assert_absent(first.to_json(), line.to_json())


def test_places_of_a_traceback_stay_where_their_module_is_loaded(traced, phi_canary):
    span = traced.tracer.start_span("admit")
    name = phi_canary.patient["name"]
    try:
        logging.getLogger(None).setLevel(name)
    except ValueError as error:
        error.add_note(f'  File "{name}", line 1, in admit')
        span.record_exception(error)
    span.end()
    (told,) = traced.ended()["admit"].events
    stack = told.attributes["exception.stacktrace"]
    assert f'File "{logging.__file__}"' in stack
    assert "in _checkLevel" in stack
    assert "raise" not in stack  # no line of source
    phi_canary.assert_absent(stack)
    assert told.attributes["exception.message"] == "[erased]"


def test_a_profile_decides_how_marked_names_are_told():
    traced = Traced(redaction=Redaction({PHI.MRN: Pseudonym("k1", bytes(32))}, keep=["name"]))
    traced.tracer.start_span("admit", attributes={"mrn": "HN-00042", "name": "lab-adapter"}).end()
    told = traced.ended()["admit"].attributes
    assert told["mrn"].startswith("pseudo:k1:")
    assert told["name"] == "lab-adapter"


def test_a_text_under_a_name_that_no_marked_field_bears_is_shown(traced):
    traced.tracer.start_span("admit", attributes={"who": "Somchai"}).end()
    assert traced.ended()["admit"].attributes == {"who": "Somchai"}


def test_no_byte_of_a_log_record_holds_anything_of_the_patient(phi_canary):
    mrn, name = phi_canary.patient["mrn"], phi_canary.patient["name"]
    kept, written = InMemoryLogRecordExporter(), io.StringIO()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(RedactingLogExporter(kept)))
    console = ConsoleLogRecordExporter(out=written)
    provider.add_log_record_processor(BatchLogRecordProcessor(RedactingLogExporter(console)))
    logger = provider.get_logger("clinic")
    try:
        raise KeyError(name)
    except KeyError as error:
        logger.emit(
            LogRecord(
                body={"event": "admitted", "mrn": mrn, "ward": 4},
                severity_number=SeverityNumber.INFO,
                attributes={"mrn": mrn, "exception.message": name, "exception.type": "KeyError", "ward": 4},
                exception=error,
            )
        )
    logger.emit(LogRecord(body="ward is full", attributes={"name": [name]}))
    provider.force_flush()
    provider.shutdown()
    first, second = (found.log_record for found in kept.get_finished_logs())
    phi_canary.assert_absent(written.getvalue(), *(found.to_json() for found in kept.get_finished_logs()))
    assert first.exception is None
    assert first.body == {"event": "admitted", "mrn": "[phi.mrn]", "ward": 4}
    assert (first.attributes["ward"], first.attributes["exception.type"]) == (4, "KeyError")
    assert (second.body, second.attributes["name"]) == ("ward is full", "[phi.name]")


def test_the_inner_exporter_is_flushed_and_shut_down():
    calls = []

    class Inner(InMemorySpanExporter):
        def force_flush(self, timeout_millis=30000):
            calls.append(timeout_millis)
            return False

        def shutdown(self):
            calls.append("shutdown")

    exporter = RedactingSpanExporter(Inner())
    assert exporter.force_flush(7) is False
    exporter.shutdown()
    logs = RedactingLogExporter(InMemoryLogRecordExporter())
    assert logs.force_flush() is True
    assert calls == [7, "shutdown"]
