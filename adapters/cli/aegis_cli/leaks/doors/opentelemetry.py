"""OpenTelemetry: what spans carry to whoever collects them."""

from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import OPENTELEMETRY


def attributes(application: Application) -> Iterable[Opening] | None:
    """Providers that hand spans with attributes (URLs, statements, whatever was set) to an exporter as they are."""
    found = application.instances(application.module("opentelemetry.sdk.trace").TracerProvider)
    sending = [(each, _processors(each)) for each in found]
    sending = [(each, processors) for each, processors in sending if processors]
    if not sending:
        return None
    return [
        Opening(name, "", *application.assigned(name))
        for each, processors in sending
        for name in [application.name_of(each, "a TracerProvider")]
        if each._span_limits.max_span_attributes != 0 and not all(_redacts(processor) for processor in processors)
    ]


def _processors(provider: Any) -> tuple[Any, ...]:
    """Those that may send; ours by themselves send nothing."""
    processors = provider._active_span_processor._span_processors
    return tuple(each for each in processors if not type(each).__module__.startswith("aegis_"))


def _redacts(processor: Any) -> bool:
    """Whether what it exports to is `aegis_opentelemetry.RedactingSpanExporter`."""
    return type(getattr(processor, "span_exporter", None)).__module__.startswith("aegis_opentelemetry")


DOORS = (
    Door(
        "opentelemetry.attributes",
        ("opentelemetry.sdk.trace",),
        "attributes of spans: URLs, statements, whatever was set",
        "span_limits=SpanLimits(max_span_attributes=0, max_event_attributes=0)",
        attributes,
        Reach.SERVICES,
        OPENTELEMETRY,
    ),
)
