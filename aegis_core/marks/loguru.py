"""Redaction for loguru, by a patcher: it is handed each record before any sink is. It imports no loguru."""

from collections.abc import MutableMapping
from typing import Any

from aegis_core.marks.redaction import DEFAULT, ERROR, Redaction
from aegis_core.marks.scrubbing import stand_in_for


def redact_loguru(record: MutableMapping[str, Any], /, *, redaction: Redaction = DEFAULT) -> None:
    """Redact a record in place, for every sink: ``logger.configure(patcher=redact_loguru)``. It never raises.

    What is bound, and keywords of the call, are redacted by name and type, and where one of them stands in the message
    as its text, so is that. Of an exception types and places stay, whatever ``diagnose`` and ``backtrace`` say. Values
    that were given by position are part of the message by then: hand loose ones by name.

    Arguments:
        redaction: the rules; other ones by `functools.partial`.
    """
    try:
        held = dict(record["extra"])
        shown = record["extra"] = redaction.fields(held)
        record["message"] = _without(str(record["message"]), held, shown)
        if record["exception"] is not None:
            record["exception"] = _stand_in(record["exception"])
    except Exception:  # noqa: BLE001 - a patcher that raises ends the application's own call
        record.update(message=ERROR, extra={}, exception=None)


def _without(message: str, held: dict[str, object], shown: dict[str, object]) -> str:
    """The message with the marker in the place of each text that a keyword's value was formatted to."""
    texts = {str(value): str(shown[name]) for name, value in held.items() if shown[name] is not value}
    for text in sorted(filter(None, texts), key=len, reverse=True):
        message = message.replace(text, texts[text])
    return message


def _stand_in(exception: Any) -> Any:
    """A tuple of loguru's own kind: type, value, traceback."""
    if exception.value is None:
        return None
    made = stand_in_for(exception.value)
    return type(exception)(type(made), made, made.__traceback__)
