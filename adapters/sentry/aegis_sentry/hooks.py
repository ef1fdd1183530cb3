"""What Sentry's SDK asks before it sends something."""

import logging
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias, cast

from sentry_sdk.types import Event, Hint

from aegis_core.marks import origin_of
from aegis_sentry import parts
from aegis_sentry.words import TEXT, Words

# Any: the SDK's own types of these are dictionaries of anything.
Part: TypeAlias = dict[str, Any]

_AS_THEY_ARE: Final = (
    *(
        "event_id",
        "timestamp",
        "start_timestamp",
        "type",
        "level",
        "platform",
        "logger",
        "release",
        "environment",
        "dist",
    ),
    *("server_name", "sdk", "modules", "transaction_info", "profile", "debug_meta"),
    *("check_in_id", "monitor_slug", "monitor_config", "status", "duration"),
)
#: What the SDK and its integrations say of the machine and the program in contexts of these names.
_CONTEXTS: Final = {
    "runtime": ("name", "version", "build"),
    "os": ("name", "version", "build", "kernel_version"),
    "profile": ("profile_id", "profiler_id"),
}
_VARIABLE: Final = re.compile(r"\{\{ ?[\w.]+ ?\}\}")  # the server puts something in its place


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
        told["attributes"] = self._words.all(
            {name: value for name, value in attributes.items() if not name.startswith(_OF_PERSONS)}
        )
        return told

    def before_send_metric(self, metric: Part, hint: Part) -> Part | None:
        """A number; its name is a constant of the program."""
        attributes = metric.get("attributes") or {}
        return {
            **parts.pick(metric, ("timestamp", "trace_id", "span_id", "name", "type", "value", "unit")),
            "attributes": self._words.all(
                {name: value for name, value in attributes.items() if not name.startswith(_OF_PERSONS)}
            ),
        }

    def before_send_span(self, span: Part, hint: Part) -> Part:
        """A span that is sent by itself (``trace_lifecycle="stream"``)."""
        try:
            attributes = span.get("attributes") or {}
            told = self._words.all(
                {name: value for name, value in attributes.items() if not name.startswith(_OF_PERSONS)}
            )
            named = parts.description(attributes.get("sentry.op"), span.get("name"))
            if span.get("is_segment"):
                named = parts.transaction(span.get("name"), attributes.get("sentry.span.source"))
        except Exception:  # noqa: BLE001 - the SDK keeps the span as it was if this raises
            told, named = {}, TEXT
        return {**span, "name": named or TEXT, "attributes": told}

    def _event(self, event: Event, hint: Hint) -> Event:
        given = cast(Part, event)
        words = self._words
        told = parts.pick(given, _AS_THEY_ARE)
        if given.get("transaction") is not None:
            source = (given.get("transaction_info") or {}).get("source")
            told["transaction"] = parts.transaction(given["transaction"], source)
        if given.get("measurements"):
            told["measurements"] = parts.measurements(given["measurements"])
        for name in ("exception", "threads"):
            if given.get(name):
                told[name] = parts.stacks(given[name])
        if given.get("stacktrace"):
            told["stacktrace"] = parts.stacktrace(given["stacktrace"])
        if given.get("message") is not None:
            told["message"] = parts.template(_record(hint), given["message"])
        if given.get("logentry"):
            told["logentry"] = {"message": parts.template(_record(hint), given["logentry"].get("message"))}
        if given.get("request"):
            told["request"] = _request(given["request"])
        if given.get("breadcrumbs"):
            told["breadcrumbs"] = parts.breadcrumbs(given["breadcrumbs"], words)
        if given.get("spans"):
            told["spans"] = [parts.span(span, words) for span in given["spans"]]
        for name in ("tags", "extra"):
            if given.get(name):
                told[name] = words.all(_pairs(given[name]))
        if given.get("fingerprint"):
            told["fingerprint"] = [
                part if _VARIABLE.fullmatch(str(part)) else words.one("fingerprint", part)
                for part in given["fingerprint"]
            ]
        told["contexts"] = {name: self._context(name, value) for name, value in (given.get("contexts") or {}).items()}
        hint["attachments"] = []
        return cast(Event, told)

    def _context(self, name: str, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return self._words.one(name, value)
        if name == "trace":
            return parts.span(value, self._words)
        return parts.pick(value, _CONTEXTS[name]) if name in _CONTEXTS else self._words.all(value)


_QUOTING: Final = frozenset(("asyncio", "py.warnings"))
_LOGURU: Final = "auto.log.loguru"  # puts its messages together before
_OF_PERSONS: Final = ("user.", "sentry.message.parameter", "http.request.header.", "client.")


def _record(hint: Any) -> logging.LogRecord | None:
    record = hint.get("log_record") if hint else None
    return record if isinstance(record, logging.LogRecord) else None


def _request(request: Mapping[str, Any]) -> Part:
    told = parts.pick(request, ("method",))
    if request.get("url"):
        told["url"] = origin_of(str(request["url"]))
    return told


def _pairs(tags: Any) -> Mapping[str, Any]:
    return tags if isinstance(tags, Mapping) else dict(tags)
