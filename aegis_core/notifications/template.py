"""Templates: texts with ``{field}`` in them, and nothing that could run."""

import html
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.notifications.model import ChannelKind, Message, Rendered

FALLBACK_LANGUAGE: Final = "en"

_OPERATION = "notifications.send"
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: C0 and C1 controls and the two line separators of Unicode: what could begin another header.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Slot(str):
    """The place of one field in a text."""

    __slots__ = ()


Parts: TypeAlias = tuple[str, ...]  #: literal texts and `Slot`s


@attrs.frozen
class Content:
    """What one channel shows in one language. ``{field}`` stands for a field of the message, ``{{`` for a brace.

    Arguments:
        text: the plain text.
        subject: one line; where the channel has none, left out.
        html: the same as HTML, for channels that show it. Values are escaped.
    """

    text: str
    subject: str = ""
    html: str | None = None


@attrs.frozen
class Template:
    """The words of one message class, by language and channel.

    Arguments:
        message: a subclass of `Message` that names its ``template``.
        variants: language (BCP 47) → channel → content. ``en`` is always there: what is missing elsewhere is taken
            from it.
    """

    message: type[Message]
    variants: Mapping[str, Mapping[ChannelKind, Content]]

    @property
    def id(self) -> str:
        """The id that the message class names."""
        return self.message.template

    def content(self, kind: ChannelKind, language: str, /) -> Content | None:
        """The words in that language, in its main language (``th`` for ``th-TH``), or in ``en``."""
        for tag in (language, language.partition("-")[0].lower(), FALLBACK_LANGUAGE):
            found = self.variants.get(tag, {}).get(kind)
            if found is not None:
                return found
        return None


def parse(text: str, /) -> Parts:
    """Cut a text into literals and slots.

    Raises:
        ValueError: a brace stands alone, or what is in braces is no field's name; says which.
    """
    parts: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        token = match.group()
        if token in {"{{", "}}"}:
            parts.append(token[0])
        elif match.group(1) is None:
            message = f"a brace stands alone (write {token}{token} for the sign itself)"
            raise ValueError(message)
        elif _FIELD.fullmatch(match.group(1)):
            parts.append(Slot(match.group(1)))
        else:
            message = "only {field} may stand in braces: no format, attribute or index"
            raise ValueError(message)
    parts.append(text[end:])
    return tuple(part for part in parts if part or isinstance(part, Slot))


def slots(parts: Parts, /) -> frozenset[str]:
    """The names of the fields that a text shows."""
    return frozenset(part for part in parts if isinstance(part, Slot))


def is_one_line(text: str, /) -> bool:
    """Whether a text may stand in a header: no line break and no other control character."""
    return _CONTROL.search(text) is None


def field_texts(message: Message, /) -> dict[str, str]:
    """Every field of a message but the recipient, as the text that a template shows.

    Raises:
        AegisError: ``invalid_argument`` for a value that has no plain text; names the field and the value's type.
    """
    return {
        field.name: _text(field.name, getattr(message, field.name))
        for field in attrs.fields(type(message))
        if field.name != "to"
    }


def render(content: Content, values: Mapping[str, str], to: Classified[str], /, *, with_html: bool) -> Rendered:
    """Put the values into one channel's words.

    Raises:
        AegisError: ``invalid_argument`` if the subject would hold a line break or another control character.
    """
    subject = fill(parse(content.subject), values)
    if not is_one_line(subject):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "a value would put a line break into the subject: give it without control characters",
            operation=_OPERATION,
        )
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Rendered(
        to=to,
        subject=subject,
        text=fill(parse(content.text), values),
        html=fill(parse(content.html), escaped) if with_html and content.html is not None else None,
    )


def fill(parts: Parts, values: Mapping[str, str], /) -> str:
    """Join literals and values; a value is never read as a template."""
    return "".join(values[part] if isinstance(part, Slot) else part for part in parts)


def _text(name: str, value: object) -> str:
    if isinstance(value, Classified):
        value = value.reveal(Purpose.OPERATIONS)  # it goes into a message that was cleared for its class
    if value is None:
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (str, Decimal, UUID)) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    raise AegisError(
        ErrorCode.INVALID_ARGUMENT,
        f"the field {name!r} is a {type(value).__name__}: give a message texts, numbers, dates or ids",
        operation=_OPERATION,
    )
