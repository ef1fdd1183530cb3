"""Exporters around an exporter: what it is handed holds nothing of a patient."""

import copy
from collections.abc import Sequence

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status

from aegis_core import Redaction
from aegis_opentelemetry.attributes import ERASED, Attributes


class RedactingSpanExporter(SpanExporter):
    """``BatchSpanProcessor(RedactingSpanExporter(OTLPSpanExporter()))``: spans are redacted on the exporter's thread.

    Attributes, those of events and links too, follow their names; of an exception type and places stay. A span's name
    and an event's name are constants of the program.

    Arguments:
        exporter: what sends them.
        redaction: rules for the classes of marked fields.
    """

    def __init__(self, exporter: SpanExporter, /, *, redaction: Redaction | None = None) -> None:
        self._exporter = exporter
        self._attributes = Attributes(redaction or Redaction())

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand on what may be told."""
        return self._exporter.export([self._redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        attributes = self._attributes
        events = [Event(event.name, attributes(event.attributes), event.timestamp) for event in span.events]
        return ReadableSpan(
            attributes.name(span.name, span.attributes),
            context=span.context,
            parent=span.parent,
            resource=attributes.resource(span.resource),
            attributes=attributes(span.attributes),
            events=events,
            links=[Link(link.context, attributes(link.attributes)) for link in span.links],
            kind=span.kind,
            status=_status(span.status, events),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


class RedactingLogExporter(LogRecordExporter):
    """``BatchLogRecordProcessor(RedactingLogExporter(OTLPLogExporter()))``: the same for log records.

    Attributes follow their names, and so does a body that is a mapping. A body of text is what the handler made of a
    log call: let `aegis_core.install_logging` or `aegis_core.marks.redacting` redact what that handler is handed.

    Arguments:
        exporter: what sends them.
        redaction: rules for the classes of marked fields.
    """

    def __init__(self, exporter: LogRecordExporter, /, *, redaction: Redaction | None = None) -> None:
        self._exporter = exporter
        self._redaction = redaction or Redaction()
        self._attributes = Attributes(self._redaction)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Hand on what may be told."""
        return self._exporter.export([self._redacted(record) for record in batch])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter, if it can."""
        flush = getattr(self._exporter, "force_flush", None)
        return bool(flush(timeout_millis)) if flush is not None else True

    def _redacted(self, record: ReadableLogRecord) -> ReadableLogRecord:
        inner = copy.copy(record.log_record)
        inner.attributes = self._attributes(inner.attributes)
        inner.exception = None
        if not isinstance(inner.body, str):
            inner.body = self._redaction.value(None, inner.body)  # type: ignore[assignment]
        resource = self._attributes.resource(record.resource)
        return ReadableLogRecord(inner, resource, record.instrumentation_scope, record.limits)


def _status(status: Status, events: Sequence[Event]) -> Status:
    if not status.description:
        return status
    kinds = (event.attributes.get("exception.type") for event in events if event.attributes)
    return Status(status.status_code, str(next((kind for kind in kinds if kind), ERASED)))
