"""Entries of the trail for people and for machines: a mark stands where a value is sealed. No I/O."""

import json
from typing import Final, cast

from rich.text import Text

from aegis_cli.figures import grouped
from aegis_cli.output import BAD, FAINT, WARN, Json, plain
from aegis_core import Purpose
from aegis_core.audit import SHREDDED, OpenedEvent, StoredEvent
from aegis_core.marks import Classified

COLUMNS: Final = ("index", "time", "action", "outcome", "who", "purpose", "about", "what")

_OUTCOMES: Final = {"failed": BAD, "refused": WARN}
_TEXTS: Final = {
    "who": "who",
    "verified_by": "verified_by",
    "purpose": "purpose",
    "tenant": "tenant",
    "operation": "operation",
    "request": "request_id",
    "correlation": "correlation_id",
    "trace": "trace_id",
}


def time_of(event: StoredEvent, /) -> str:
    """When it happened, to the second, UTC."""
    return f"{event.time:%Y-%m-%d %H:%M:%S}Z"


def document(event: StoredEvent, /, *, purpose: Purpose | None = None) -> dict[str, Json]:
    """One entry for machines.

    Arguments:
        purpose: reveals what an `OpenedEvent` opened; None: marks stand for values.
    """
    texts = {name: cast("str | None", getattr(event, attribute)) for name, attribute in _TEXTS.items()}
    known: dict[str, Json] = {
        "index": event.index,
        "id": str(event.event_id),
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "action": event.action,
        "outcome": event.outcome,
        **{name: text for name, text in texts.items() if text is not None},
    }
    if event.roles:
        known["roles"] = list(event.roles)
    if event.data:
        known["data"] = cast("Json", event.data)
    if event.subject is not None:
        known["subject"] = {"token": event.subject.token, "key": event.subject.key, **_whom(event, purpose)}
    if event.sealed:
        known["sealed"] = {
            name: {"class": field.data_class, "key": field.key, **_value(event, name, purpose)}
            for name, field in event.sealed.items()
        }
    return known


def row(event: StoredEvent, /, *, purpose: Purpose | None = None) -> list[str | Text]:
    """One entry for people, in the order of `COLUMNS`."""
    return [
        "" if event.index is None else grouped(event.index),
        time_of(event),
        plain(event.action),
        Text(event.outcome, style=_OUTCOMES.get(event.outcome, FAINT)),
        plain(event.who or ""),
        plain(event.purpose or ""),
        _about(event, purpose),
        _what(event, purpose),
    ]


def _whom(event: StoredEvent, purpose: Purpose | None) -> dict[str, Json]:
    if purpose is None or not isinstance(event, OpenedEvent):
        return {}
    return _shown(event.whom, purpose)


def _value(event: StoredEvent, name: str, purpose: Purpose | None) -> dict[str, Json]:
    if purpose is None or not isinstance(event, OpenedEvent):
        return {}
    return _shown(event.opened.get(name), purpose)


def _shown(value: Classified[str] | Classified[object] | str | None, purpose: Purpose) -> dict[str, Json]:
    if isinstance(value, Classified):
        return {"value": cast("Json", value.reveal(purpose))}
    return {"shredded": True} if value == SHREDDED else {}


def _about(event: StoredEvent, purpose: Purpose | None) -> str:
    if event.subject is None:
        return ""
    shown = _whom(event, purpose)
    if "value" in shown:
        return plain(str(shown["value"]))
    # A keyed digest, equal for one person: who may know tells people apart, and nobody learns who they are.
    return SHREDDED if shown else event.subject.token.rpartition(":")[2][:8]


def _what(event: StoredEvent, purpose: Purpose | None) -> str:
    parts = [f"{name}={_spelled(value)}" for name, value in event.data.items()]
    for name, field in event.sealed.items():
        shown = _value(event, name, purpose)
        text = _spelled(shown["value"]) if "value" in shown else SHREDDED if shown else f"[{field.data_class}]"
        parts.append(f"{name}={text}")
    return plain(" ".join(parts))


def _spelled(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
