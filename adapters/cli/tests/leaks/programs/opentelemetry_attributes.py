import sys
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from aegis_core import Mrn, guarded

provider = TracerProvider(
    # FIX,
)
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))  # REPLACED
# ADAPTER ConsoleSpanExporter()
trace.set_tracer_provider(provider)


@guarded
@dataclass
class Patient:
    mrn: Mrn


if __name__ == "__main__":
    with trace.get_tracer("ward").start_as_current_span("admit") as span:
        span.set_attribute("url.full", f"http://lab.test/patients/{sys.argv[1]}")
        span.add_event("admitted", {"mrn": sys.argv[1]})
