"""Which classes of data a channel may carry, checked when templates are loaded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from aegis_core.marks.taxonomy import PHI, PII, PUBLIC, DataClass
from aegis_core.notifications.model import ChannelKind, Message
from aegis_core.notifications.template import FALLBACK_LANGUAGE, Content, Parts, Template, is_one_line, parse, slots

#: An e-mail may greet by name. A text message or a push notification lies open on a locked screen: nothing classified.
DEFAULT_CLEARANCE: Final[Mapping[ChannelKind, frozenset[DataClass]]] = {
    "email": frozenset({PHI.NAME, PII.NAME}),
    "sms": frozenset[DataClass](),
    "push": frozenset[DataClass](),
}

Clearance = Mapping[ChannelKind, frozenset[DataClass]]


def is_cleared(data_class: DataClass | None, cleared: frozenset[DataClass], /) -> bool:
    """Whether a value of that class may be shown; None: the field carries no mark."""
    return data_class is None or data_class == PUBLIC.DATA or data_class in cleared


def problems(
    templates: Sequence[Template],
    marks: Mapping[type[Message], Mapping[str, DataClass | None]],
    kinds: Sequence[ChannelKind],
    clearance: Clearance,
    /,
) -> Iterator[str]:
    """Everything that is wrong with the templates, one sentence each, without a value.

    Arguments:
        marks: message class → field → class of data.
        kinds: the channels that there are.
    """
    seen: dict[str, type[Message]] = {}
    for template in templates:
        name = template.id or template.message.__name__
        if not template.id:
            yield f"{name}: the message class names no template"
        elif template.id in seen:
            yield f"{name}: two templates have this id"
        seen[template.id] = template.message
        yield from (
            f"{name}: {problem}" for problem in _of_template(template, marks[template.message], kinds, clearance)
        )


def _of_template(
    template: Template, marks: Mapping[str, DataClass | None], kinds: Sequence[ChannelKind], clearance: Clearance
) -> Iterator[str]:
    fields = {field.name for field in attrs.fields(template.message)} - {"to"}
    if FALLBACK_LANGUAGE not in template.variants:
        yield f"the language {FALLBACK_LANGUAGE!r} is missing"
    in_fallback = set(template.variants.get(FALLBACK_LANGUAGE, {}))
    used: set[ChannelKind] = set()
    for language, contents in template.variants.items():
        used |= set(contents)
        if FALLBACK_LANGUAGE in template.variants:
            for kind in sorted(set(contents) - in_fallback):
                yield f"{language}: {kind} has no words in {FALLBACK_LANGUAGE!r}"
        for kind, content in contents.items():
            cleared = clearance.get(kind, frozenset())
            for problem in _of_content(content, fields, marks, cleared):
                yield f"{language}, {kind}: {problem}"
    if not used & set(kinds):
        yield "no channel that this hub has shows it"


def _of_content(
    content: Content, fields: set[str], marks: Mapping[str, DataClass | None], cleared: frozenset[DataClass]
) -> Iterator[str]:
    for part, text in (("subject", content.subject), ("text", content.text), ("html", content.html or "")):
        try:
            parts: Parts = parse(text)
        except ValueError as error:
            yield f"{part}: {error}"
            continue
        if part == "subject" and not is_one_line(text):
            yield "subject: a line break or another control character"
        for field in sorted(slots(parts)):
            if field not in fields:
                yield f"{part}: the message has no field {field!r}"
            # A subject is shown on locked screens and written to the logs of mail servers, whatever the channel.
            elif not is_cleared(marks.get(field), frozenset() if part == "subject" else cleared):
                yield f"{part}: no clearance for {marks.get(field)}, the class of {field!r}"
