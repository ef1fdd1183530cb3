"""What is wrong with the settings: every problem at once, and never a value."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode


@attrs.frozen
class Problem:
    """One thing that is wrong with one setting. Holds no value: a wrong value may be a secret in the wrong place.

    Arguments:
        setting: its name, such as ``AEGIS_STORAGE``.
        expected: what should be there, as the end of a sentence: ``must be one of debug, info``.
        source: where it was read: ``environment``, ``default``, a file's name.
        hint: what to do, such as ``did you mean AEGIS_STORAGE?``.
    """

    setting: str
    expected: str
    source: str = ""
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        source = f" [from the {self.source}]" if self.source else ""
        return f"{self.setting}: {self.expected}{hint}{source}"


class SettingsError(AegisError):
    """Settings that cannot be used, with every problem that was found.

    Arguments:
        problems: at least one.
    """

    def __init__(self, problems: Sequence[Problem], /) -> None:
        count = len(problems)
        head = "1 setting is wrong" if count == 1 else f"{count} settings are wrong"
        super().__init__(ErrorCode.INVALID_ARGUMENT, "; ".join([head, *map(str, problems)]))
        self.problems = tuple(problems)


def did_you_mean(word: str, known: Collection[str], /) -> str:
    """``did you mean x?`` for the known word that is nearest, or an empty text.

    Only the known word is repeated, never the one that was read.
    """
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else ""
