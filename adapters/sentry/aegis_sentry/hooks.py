"""What Sentry's SDK asks before it sends something."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias, cast

from sentry_sdk.types import Event, Hint

from aegis_sentry import parts
from aegis_sentry.words import TEXT, Words

# Any: the SDK's own types of these are dictionaries of anything.
Part: TypeAlias = dict[str, Any]

_AS_THEY_ARE: Final = tuple(
    """
    event_id timestamp start_timestamp type level platform logger release environment dist server_name sdk modules
    transaction_info profile debug_meta check_in_id monitor_slug monitor_config status duration
    """.split()
)
_MADE_ANEW: Final[Mapping[str, Callable[[Any, Words], object]]] = {
    "breadcrumbs": parts.breadcrumbs,
    "contexts": parts.contexts,
    "exception": lambda part, _: parts.stacks(part),
    "extra": lambda part, words: words.all(part),
    "fingerprint": parts.fingerprint,
    "measurements": lambda part, _: parts.measurements(part),
    "request": lambda part, _: parts.request(part),
    "spans": lambda part, words: [parts.span(each, words) for each in part],
    "stacktrace": lambda part, _: parts.stacktrace(part),
    "tags": lambda part, words: words.all(dict(part)),
    "threads": lambda part, _: parts.stacks(part),
}
_QUOTING: Final = frozenset(("asyncio", "py.warnings"))
_LOGURU: Final = "auto.log.loguru"  # puts its messages together before


class Hooks:
    """An event is made anew from what may be told; what nobody here knows is left out.

    Arguments:
        keep: names of tags, extras and attributes whose texts may be sent; of others numbers are.
    """

    def __init__(self, keep: Collection[str] = ()) -> None:
        self._words = Words(keep)

    def before_send(self, event: Event, hint: Hint) -> Event | None:
        """An error, a message, or a check-in of a job."""
        return self._event(event, hint)

    def before_send_transaction(self, event: Event, hint: Hint) -> Event | None:
        """A transaction with its spans."""
        return self._event(event, hint)

    def before_breadcrumb(self, crumb: Part, hint: Part) -> Part | None:
        """A step that may precede an error."""
        try:
            return {**parts.breadcrumb(crumb, _record(hint), self._words), parts.DONE: True}
        except Exception:  # noqa: BLE001 - the SDK keeps the step as it was if this raises
            return None

    def before_send_log(self, log: Part, hint: Part) -> Part | None:
        """A line of Sentry's own logs."""
        attributes = log.get("attributes") or {}
        said = attributes.get("sentry.message.template", log.get("body"))
        told = parts.pick(log, ("severity_text", "severity_number", "time_unix_nano", "trace_id", "span_id"))
        quotes = attributes.get("logger.name") in _QUOTING or attributes.get("sentry.origin") == _LOGURU
        told["body"] = said if isinstance(said, str) and not quotes else TEXT
        told["attributes"] = self._words.attributes(attributes)
        return told

    def before_send_metric(self, metric: Part, hint: Part) -> Part | None:
        """A number; its name is a constant of the program."""
        told = parts.pick(metric, ("timestamp", "trace_id", "span_id", "name", "type", "value", "unit"))
        return {**told, "attributes": self._words.attributes(metric.get("attributes") or {})}

    def before_send_span(self, span: Part, hint: Part) -> Part:
        """A span that is sent by itself (``trace_lifecycle="stream"``)."""
        try:
            attributes = span.get("attributes") or {}
            told = self._words.attributes(attributes)
            named = parts.description(attributes.get("sentry.op"), span.get("name"))
            if span.get("is_segment"):
                named = parts.transaction(span.get("name"), attributes.get("sentry.span.source"))
        except Exception:  # noqa: BLE001 - the SDK keeps the span as it was if this raises
            told, named = {}, TEXT
        return {**span, "name": named or TEXT, "attributes": told}

    def _event(self, event: Event, hint: Hint) -> Event:
        given, record = cast(Part, event), _record(hint)
        told = parts.pick(given, _AS_THEY_ARE)
        told |= {name: make(given[name], self._words) for name, make in _MADE_ANEW.items() if given.get(name)}
        if given.get("transaction") is not None:
            source = (given.get("transaction_info") or {}).get("source")
            told["transaction"] = parts.transaction(given["transaction"], source)
        if given.get("message") is not None:
            told["message"] = parts.template(record, given["message"])
        if given.get("logentry"):
            told["logentry"] = {"message": parts.template(record, given["logentry"].get("message"))}
        hint["attachments"] = []
        return cast(Event, told)


def _record(hint: Any) -> logging.LogRecord | None:
    record = hint.get("log_record") if hint else None
    return record if isinstance(record, logging.LogRecord) else None
