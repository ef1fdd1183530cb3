"""OpenTelemetry with Aegis Core: exporters that redact, and one trace id for spans and the core's context."""

from aegis_opentelemetry.carrying import propagator
from aegis_opentelemetry.exporting import RedactingLogExporter, RedactingSpanExporter
from aegis_opentelemetry.tracing import ContextSpans, TraceIds

__all__ = ["ContextSpans", "RedactingLogExporter", "RedactingSpanExporter", "TraceIds", "propagator"]
