"""OpenTelemetry: what spans carry to whoever collects them."""

from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening


def attributes(application: Application) -> Iterable[Opening] | None:
    """Providers that send spans with attributes (URLs, statements, whatever was set), and no processor of Aegis's."""
    found = application.instances(application.module("opentelemetry.sdk.trace").TracerProvider)
    sending = [(each, _processors(each)) for each in found]
    sending = [(each, processors) for each, processors in sending if processors]
    if not sending:
        return None
    return [
        Opening(application.name_of(each, "a TracerProvider"))
        for each, processors in sending
        if each._span_limits.max_span_attributes != 0
        and not any(type(processor).__module__.startswith("aegis_") for processor in processors)
    ]


def _processors(provider: Any) -> tuple[Any, ...]:
    return tuple(provider._active_span_processor._span_processors)


DOORS = (
    Door(
        "opentelemetry.attributes",
        ("opentelemetry.sdk.trace",),
        "attributes of spans: URLs, statements, whatever was set",
        "span_limits=SpanLimits(max_span_attributes=0, max_event_attributes=0)",
        attributes,
    ),
)
