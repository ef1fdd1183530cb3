"""A JSON log line as people like to read it."""

import json

_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_PLAIN = "\x1b[0m"


def readable(line: bytes, /) -> bytes:
    """Lay a line out as ``time level event name=value …``, an exception indented below it.

    Control characters stay escaped, so that nothing in a field can move the cursor or fake a second line.
    """
    try:
        fields = json.loads(line)
        parts = [
            f"{_DIM}{fields.pop('timestamp')[11:23]}{_PLAIN}",
            f"{_COLOURS.get(level := str(fields.pop('level')), '')}{level:<7}{_PLAIN}",
            f"{_BOLD}{_safe(fields.pop('event'))}{_PLAIN}",
        ]
        exception = fields.pop("exception", None)
        parts.extend(f"{_DIM}{_safe(name)}={_PLAIN}{_value(value)}" for name, value in fields.items())
        text = " ".join(parts) + "\n"
        if exception is not None:
            text += _exception(exception, "  ")
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    return text.encode()


def _value(value: object) -> str:
    return _safe(value) if isinstance(value, str) else _safe(json.dumps(value, ensure_ascii=False))


def _safe(value: object) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def _exception(described: dict[str, object], indent: str) -> str:
    lines = [f"{indent}{_BOLD}{_safe(described['type'])}{_PLAIN} {_safe(described['message'])}\n"]
    frames = described.get("frames")
    if isinstance(frames, list):
        lines.extend(f"{indent}  {_DIM}{_safe(frame)}{_PLAIN}\n" for frame in frames)
    cause = described.get("cause")
    if isinstance(cause, dict):
        lines.append(f"{indent}caused by\n{_exception(cause, indent + '  ')}")
    return "".join(lines)
