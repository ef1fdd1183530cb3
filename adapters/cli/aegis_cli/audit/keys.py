"""Verifier keys as a caller names them: the text of one, or a file with one a line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aegis_core import AegisError, ErrorCode
from aegis_core.audit import VerifierKey

_LARGEST: Final = 1 << 20


def verifier_keys(texts: Sequence[str], /, *, said: str = "--key") -> tuple[VerifierKey, ...]:
    """Read keys.

    Arguments:
        texts: each ``name+id+key``, or the name of a file that has such lines.
        said: the parameter, for errors.

    Raises:
        AegisError: ``invalid_argument`` for what is neither, ``unsupported`` for a key of an unknown type.
    """
    keys = dict.fromkeys(key for text in texts for key in _keys(text, said))
    return tuple(keys)


def _keys(text: str, said: str) -> list[VerifierKey]:
    if text.count("+") >= 2 and not Path(text).is_file():
        return [VerifierKey.decode(text)]
    lines = [line.strip() for line in read_text(Path(text), said=said).splitlines()]
    return [VerifierKey.decode(line) for line in lines if line and not line.startswith("#")]


def read_text(path: Path, /, *, said: str) -> str:
    """Read a small file that the caller named.

    Arguments:
        said: the parameter, for errors: what was typed may be somebody's data, and is not repeated.

    Raises:
        AegisError: ``invalid_argument`` if it is not there, too large, or no text.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
        if len(octets) <= _LARGEST:
            return octets.decode("utf-8")
    except (OSError, ValueError):
        pass
    raise AegisError(
        ErrorCode.INVALID_ARGUMENT,
        f"{said} names no file that can be read as text, of at most {_LARGEST} bytes",
        operation="audit",
    )
