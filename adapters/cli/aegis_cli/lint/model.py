"""Rules and remarks of `aegis lint`."""

from typing import Final

import attrs


@attrs.frozen
class Rule:
    """One thing that is looked for.

    Arguments:
        code: such as ``"AEG001"``; never used again for something else.
        finds: what it finds, in one sentence.
        instead: what to write in its place.
    """

    code: str
    finds: str
    instead: str


@attrs.frozen(order=True)
class Remark:
    """A rule that a line breaks.

    Arguments:
        line: counted from 1, as is the column.
        last_line: where the expression ends; an ignore may stand on any of its lines.
        says: what is wrong here, with names of the source alone.
    """

    file: str
    line: int
    column: int
    code: str
    says: str
    last_line: int = 0
    fix: str = ""  #: the words to write here, where the rule's own example says too little

    @property
    def instead(self) -> str:
        """What to write in its place."""
        return self.fix or _INSTEAD[self.code]


RULES: Final = (
    Rule(
        "AEG000",
        "An ignore without a code that there is, or without a reason.",
        "# aegis: ignore[AEG001] - the reason why it is harmless here",
    ),
    Rule("AEG001", "A log message that a value is written into.", 'log.info("admitted", mrn=mrn)'),
    Rule(
        "AEG002",
        "A value in a log call under a name that says nothing, so that no redaction knows it.",
        'log.info("admitted", mrn=mrn), or "mrn=%s" in the standard library',
    ),
    Rule("AEG003", "A whole object, without its marks, in a log call.", 'log.info("admitted", patient=patient)'),
    Rule("AEG004", "A value that is printed.", 'log.info("admitted", mrn=mrn)'),
    Rule("AEG005", "A value in a URL, which access logs and proxies keep.", "an opaque id, or the body of a POST"),
    Rule("AEG006", "A route whose path holds a value.", '"/patients/{id}" with an opaque id'),
    Rule(
        "AEG007",
        "A value in the text of an exception, a warning or an assertion.",
        "a constant text; the value as a field of the log line",
    ),
    Rule(
        "AEG008", "The text of an exception in a log call; it may quote any value.", 'log.exception("admission failed")'
    ),
    Rule("AEG009", "A value in a span, a metric or an error report.", "a pseudonym, or nothing"),
    Rule("AEG010", "A value in the name of a file or the key of a cache.", "an opaque id"),
    Rule("AEG011", "A field that is called like an identifier or a finding and bears no mark.", "mrn: Mrn"),
)

_INSTEAD: Final = {rule.code: rule.instead for rule in RULES}
CODES: Final = frozenset(rule.code for rule in RULES)
