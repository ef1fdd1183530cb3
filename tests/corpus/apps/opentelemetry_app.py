"""OpenTelemetry's SDK, and everything that its exporters write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, ConsoleLogRecordExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Link, Span, Status, StatusCode

from aegis_opentelemetry import RedactingLogExporter, RedactingSpanExporter
from tests.corpus.apps.alone import carry_all
from tests.corpus.case import IS_BARE, Case
from tests.corpus.errors import ERRORS, SILENT
from tests.corpus.logs import set_up

set_up(Path.cwd())
# Closed with the process.
_spans: Any = ConsoleSpanExporter(out=Path("spans").open("w"))  # noqa: SIM115
_logs: Any = ConsoleLogRecordExporter(out=Path("logs").open("w"))  # noqa: SIM115
tracing = TracerProvider(shutdown_on_exit=False)
tracing.add_span_processor(BatchSpanProcessor(_spans if IS_BARE else RedactingSpanExporter(_spans)))
logging = LoggerProvider(shutdown_on_exit=False)
logging.add_log_record_processor(BatchLogRecordProcessor(_logs if IS_BARE else RedactingLogExporter(_logs)))
tracer, logger = tracing.get_tracer("clinic"), logging.get_logger("clinic")

#: Names of the semantic conventions under which a client's words stand.
_CONVENTIONS: Final[dict[str, Callable[[str], object]]] = {
    "url.full": lambda value: f"https://lab.example/{value}?q={value}",
    "url.path": lambda value: f"/patients/{value}",
    "url.query": lambda value: f"q={value}",
    "http.target": lambda value: f"/patients/{value}",
    "http.request.header.x-patient": lambda value: (value,),
    "user_agent.original": str,
    "enduser.id": str,
    "db.statement": lambda value: f"SELECT 1 FROM bed WHERE who = '{value}'",
    "db.query.parameter.0": str,
    "exception.message": str,
}


def _span(work: Callable[[Span], object], name: str = "admit", **options: Any) -> None:
    span = tracer.start_span(name, **options)
    work(span)
    span.end()


def _raised(raising: Callable[[Case], None], case: Case) -> None:
    """Its event, its stack and the status of the span."""
    try:
        with tracer.start_as_current_span("admit"):
            raising(case)
    except Exception:  # noqa: BLE001 - whatever was raised
        pass


def _nested(case: Case) -> LogRecord:
    return LogRecord(body={"visit": {case.kind: [case.value]}}, attributes={f"clinic.{case.kind}": case.value})


def _with_error(case: Case) -> None:
    try:
        ERRORS["__cause__"](case)
    except LookupError as error:
        logger.emit(LogRecord(body="failed", exception=error))


CARRIERS: Final[dict[str, Callable[[Case], None]]] = {
    **{
        f"raised: {form}": lambda case, of=raising: _raised(of, case)
        for form, raising in ERRORS.items()
        if form not in SILENT
    },
    "span: attribute": lambda case: _span(lambda span: span.set_attribute(f"clinic.{case.kind}", case.value)),
    "span: list": lambda case: _span(lambda span: span.set_attribute(case.kind, [case.value, "another"])),
    **{
        f"span: {name}": lambda case, name=name, of=of: _span(lambda span: span.set_attribute(name, of(case.value)))
        for name, of in _CONVENTIONS.items()
    },
    "span: event": lambda case: _span(lambda span: span.add_event("looked for", {case.kind: case.value})),
    "span: status": lambda case: _span(lambda span: span.set_status(Status(StatusCode.ERROR, f"no {case.value}"))),
    "span: link": lambda case: _span(
        lambda span: None, links=[Link(tracer.start_span("before").get_span_context(), {case.kind: case.value})]
    ),
    "span: name made of a URL": lambda case: _span(
        lambda span: None, f"GET /patients/{case.value}", attributes={"http.request.method": "GET"}
    ),
    "span: name made of a statement": lambda case: _span(
        lambda span: span.set_attribute("db.statement", f"SELECT '{case.value}'"), f"SELECT '{case.value}'"
    ),
    "record: body and attribute": lambda case: logger.emit(_nested(case)),
    "record: exception": _with_error,
    "outside: span's name": lambda case: _span(lambda span: None, f"admit {case.value}"),
    "outside: attribute that no marked field is called like": lambda case: _span(
        lambda span: span.set_attribute("who", case.value)
    ),
    "outside: body of a record that is text": lambda case: logger.emit(LogRecord(body=f"admitted {case.value}")),
}

if __name__ == "__main__":
    carry_all(CARRIERS)
    tracing.shutdown()
    logging.shutdown()
