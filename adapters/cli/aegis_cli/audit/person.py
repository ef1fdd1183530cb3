"""Asking for the id of a person: from a file or from who types, never from a command line."""

import sys
from getpass import getpass
from pathlib import Path

from aegis_cli.audit.keys import read_text
from aegis_core import PHI, AegisError, Classified, ErrorCode

_OPERATION = "audit.show"


def person(where: str, /, *, reveals: bool) -> Classified[str]:
    """Read an id.

    Arguments:
        where: a file, or ``-`` for standard input, where a terminal does not show what is typed.
        reveals: whether the call says who looks and why: that an entry is about somebody is their data.

    Raises:
        AegisError: ``invalid_argument`` without ``--reveal``, for a file that cannot be read and for an empty id.
    """
    if not reveals:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "which entries are about somebody is their data: say --reveal, --purpose, --as and --reason",
            operation=_OPERATION,
        )
    if where != "-":
        text = read_text(Path(where), said="--about")
    elif sys.stdin.isatty():
        text = getpass("id: ")
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "an id is text, and this is none", operation=_OPERATION)
    return Classified(text.strip(), PHI.MRN)
