"""Learned names: a loose value carries no mark, so a keyword that is called like a marked field is taken for one."""

from aegis_core.marks.taxonomy import UNKNOWN, DataClass

LEARNED: "dict[str, DataClass]" = dict.fromkeys(
    # What logging libraries call the text of an exception, which may quote any value.
    ("exc_info", "exc_text", "exc_value", "exc_notes", "exception", "locals"),
    UNKNOWN.EXCEPTION,
)
"""Every spelling of every marked field's name seen so far. Only ever grows; looked up on every log line."""


def learn(name: str, data_class: DataClass, /) -> None:
    """Take ``name``, however it is spelt, for ``data_class`` from now on.

    A name that fields of several classes bear is erased, whatever the rules of a profile say.
    """
    if data_class.taxonomy == "public":
        return
    for spelling in spellings(name):
        known = LEARNED.setdefault(spelling, data_class)
        if known is not data_class:
            LEARNED[spelling] = UNKNOWN.AMBIGUOUS


def spellings(name: str, /) -> "set[str]":
    """Give the ways in which code, JSON and headers spell one name, such as ``birth_date birthDate birth-date``."""
    words = [word.lower() for word in _words(name)]
    if not words:
        return {name}
    titled = [word.capitalize() for word in words]
    lowered = {join.join(words) for join in ("_", "-", "", " ", ".")}
    return {
        name,
        *lowered,
        *(spelling.upper() for spelling in lowered),
        *(join.join(titled) for join in ("_", "-", "", " ")),
        words[0] + "".join(titled[1:]),
    }


def _words(name: str) -> "list[str]":
    words = [""]
    before = ""
    for letter in name:
        if not letter.isalnum():
            words.append("")
        elif letter.isupper() and before.islower():
            words.append(letter)
        else:
            words[-1] += letter
        before = letter
    return [word for word in words if word]
