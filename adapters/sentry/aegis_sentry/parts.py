"""The parts of what Sentry sends: exceptions, log entries, spans, breadcrumbs; each made anew from what may be told."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aegis_core import AegisError
from aegis_core.marks import origin_of, redact_record, summarize_statement
from aegis_sentry.words import TEXT, Words

_OURS: Final = frozenset(kind.__module__ for kind in AegisError.__mro__ if issubclass(kind, AegisError))
#: See `aegis_core.scrub`.
_STAND_IN: Final = re.compile(r"(?P<module>\w+(\.(\w+|<locals>))*)\.(?P<type>\w+) \[withheld\]")
_FRAME: Final = ("filename", "abs_path", "function", "module", "lineno", "in_app", "platform")
_MECHANISM: Final = ("type", "handled", "source", "synthetic", "is_exception_group", "exception_id", "parent_id")
_SPAN: Final = (
    *("trace_id", "span_id", "parent_span_id", "same_process_as_parent", "start_timestamp", "timestamp"),
    *("op", "origin", "exclusive_time"),
)
_STATUS: Final = re.compile("[a-z_]+")
#: Some of it came in the headers of whoever called.
_SAMPLING: Final = (
    "trace_id",
    "public_key",
    "org_id",
    "release",
    "environment",
    "sampled",
    "sample_rate",
    "sample_rand",
)
_CODE: Final = ("function", "middleware", "view", "event", "template", "queue.task", "queue.submit", "subprocess.wait")
_OF_CODE: Final = frozenset(("route", "view", "component", "task", "custom"))
#: What the SDK and its integrations say of the machine and the program in contexts of these names.
_CONTEXTS: Final = {
    "runtime": ("name", "version", "build"),
    "os": ("name", "version", "build", "kernel_version"),
    "profile": ("profile_id", "profiler_id"),
}
_VARIABLE: Final = re.compile(r"\{\{ ?[\w.]+ ?\}\}")  # the server puts something in its place
DONE: Final = "_aegis"  #: on a breadcrumb that was made anew when it was left; never sent


def pick(values: Mapping[str, Any], names: Iterable[str], /) -> dict[str, Any]:
    """Those of the names that are there."""
    return {name: values[name] for name in names if values.get(name) is not None}


def stacks(part: Any) -> dict[str, Any]:
    """Exceptions or threads: types and places; no message, note, local or line of source.

    The message of an `AegisError` stays; a stand-in of `aegis_core.scrub` goes by the type for which it stands.
    """
    return {"values": [_stack(value) for value in _values(part)]}


def _stack(value: Mapping[str, Any]) -> dict[str, Any]:
    told = pick(value, ("type", "module", "thread_id", "id", "crashed", "current", "main"))
    said = str(value.get("value") or "").partition("\n")[0]  # notes follow
    if "type" in value and value.get("module") in _OURS:
        told["value"] = said
    elif "type" in value and (found := _STAND_IN.fullmatch(said)):
        told["module"], told["type"] = found["module"], found["type"]
    if value.get("mechanism"):
        told["mechanism"] = pick(value["mechanism"], _MECHANISM)
    if value.get("stacktrace"):
        told["stacktrace"] = stacktrace(value["stacktrace"])
    return told


def stacktrace(trace: Mapping[str, Any]) -> dict[str, Any]:
    """The places of a stack."""
    return {"frames": [pick(frame, _FRAME) for frame in trace.get("frames") or ()]}


def template(record: logging.LogRecord | None, otherwise: object) -> str:
    """The constant of a log call, without what was put into it."""
    if record is not None:
        if "extra" in vars(record):  # loguru's: its messages are put together before
            return TEXT
        if isinstance(record.msg, str) and record.name not in {"asyncio", "py.warnings"}:
            return record.msg
        return redact_record(record).getMessage()
    return otherwise if isinstance(otherwise, str) else TEXT


def transaction(name: object, source: object) -> str:
    """The name of a transaction, unless it is a path that was asked for."""
    return name if isinstance(name, str) and source in _OF_CODE else "[url]"


def description(op: object, text: object) -> str | None:
    """What a span says it does: of a query its summary, of a request its origin, of the program's own code the name."""
    if not isinstance(text, str):
        return None
    operation = op if isinstance(op, str) else ""
    if operation.startswith("db"):
        return summarize_statement(text)
    if operation.startswith("http.client"):
        method, _, url = text.partition(" ")
        return f"{method if method.isalpha() and method.isupper() else TEXT} {origin_of(url)}"
    return text if operation.startswith(_CODE) else TEXT


def span(value: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """A span of a transaction, or the context of its trace."""
    told = pick(value, _SPAN)
    told["description"] = description(value.get("op"), value.get("description"))
    if value.get("status") is not None:
        told["status"] = value["status"] if _STATUS.fullmatch(str(value["status"])) else TEXT
    for name in ("data", "tags"):
        if value.get(name):
            told[name] = words.all(value[name])
    if "dynamic_sampling_context" in value:
        told["dynamic_sampling_context"] = pick(value["dynamic_sampling_context"] or {}, _SAMPLING)
    return told


def contexts(part: Mapping[str, Any], words: Words, /) -> dict[str, Any]:
    """The trace, machine and program; of contexts of the application's own what words may be sent."""
    return {name: _context(name, value, words) for name, value in part.items()}


def _context(name: str, value: Any, words: Words) -> Any:
    if not isinstance(value, Mapping):
        return words.one(name, value)
    if name == "trace":
        return span(value, words)
    return pick(value, _CONTEXTS[name]) if name in _CONTEXTS else words.all(value)


def fingerprint(part: Iterable[Any], words: Words, /) -> list[object]:
    """What the server fills in, and numbers."""
    return [each if _VARIABLE.fullmatch(str(each)) else words.one("fingerprint", each) for each in part]


def request(part: Mapping[str, Any], /) -> dict[str, Any]:
    """Its method, and where it went."""
    told = pick(part, ("method",))
    if part.get("url"):
        told["url"] = origin_of(str(part["url"]))
    return told


def measurements(values: Mapping[str, Any], /) -> dict[str, Any]:
    """Numbers with their units."""
    return {
        str(name): pick(each, ("value", "unit"))
        for name, each in values.items()
        if isinstance(each, Mapping) and isinstance(each.get("value"), int | float)
    }


def breadcrumb(crumb: Mapping[str, Any], record: logging.LogRecord | None, words: Words) -> dict[str, Any]:
    """A step before an error: of a log line the template, of a query its summary, of a request its origin."""
    told = pick(crumb, ("type", "category", "level", "timestamp"))
    message = crumb.get("message")
    if record is not None:
        told["message"] = template(record, message)
    elif isinstance(message, str):
        told["message"] = summarize_statement(message) if crumb.get("category") == "query" else TEXT
    if crumb.get("data"):
        told["data"] = words.all(crumb["data"])
    return told


def _values(part: Any) -> list[Mapping[str, Any]]:
    return list((part.get("values") if isinstance(part, Mapping) else part) or ())


def breadcrumbs(part: Any, words: Words) -> dict[str, Any]:
    """Those that were left: made anew already, or now, without knowing of which log record they were."""
    told = []
    for crumb in _values(part):
        known = DONE in crumb
        told.append(
            {name: value for name, value in crumb.items() if name != DONE} if known else breadcrumb(crumb, None, words)
        )
    return {"values": told}
