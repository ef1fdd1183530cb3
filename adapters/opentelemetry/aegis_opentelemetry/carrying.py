"""What goes along with an outgoing request: trace, request and correlation ids, and of the baggage what was named."""

from collections.abc import Collection
from typing import Any, Final

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from aegis_core import current, to_headers

_IDS: Final = ("x-request-id", "x-correlation-id")


def propagator(*, keep: Collection[str] = ()) -> CompositePropagator:
    """``opentelemetry.propagate.set_global_textmap(propagator())``: W3C Trace Context, the core's ids, little baggage.

    Arguments:
        keep: names of baggage (W3C Baggage) that goes out and is taken in; of others nothing does. Baggage is sent to
            whomever a request goes to.
    """
    return CompositePropagator([TraceContextTextMapPropagator(), _Ids(), _KeptBaggage(keep)])


class _Ids(TextMapPropagator):
    """Out only: what comes in is for `Aegis.asgi` and `Aegis.wsgi`, which know whether the peer is trusted."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return Context() if context is None else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        headers = to_headers(current())
        for name in _IDS:
            if name in headers:
                setter.set(carrier, name, headers[name])

    @property
    def fields(self) -> set[str]:
        return set(_IDS)


class _KeptBaggage(TextMapPropagator):
    def __init__(self, keep: Collection[str]) -> None:
        self._keep = frozenset(keep)
        self._inner = W3CBaggagePropagator()

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return self._kept(self._inner.extract(carrier, context, getter))

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        self._inner.inject(carrier, self._kept(context), setter)

    @property
    def fields(self) -> set[str]:
        return self._inner.fields

    def _kept(self, context: Context | None) -> Context:
        carried: dict[str, Any] = dict(baggage.get_all(context))
        kept = baggage.clear(context)
        for name in self._keep & carried.keys():
            kept = baggage.set_baggage(name, carried[name], kept)
        return kept
