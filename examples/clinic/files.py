"""Read FHIR JSON from disk: whole files that do not change, and every number with the digits that it came with."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.files import classify_os_error

#: The largest file that is read, in bytes.
LARGEST_FILE: Final = 64 * 1024 * 1024

#: Stands before a number whose digits a float would lose: FHIR's 1.10 is not 1.1. No FHIR text may hold it.
_DIGITS: Final = "\0"
_KEPT_DIGITS: Final = re.compile(r'"\\u0000([-+.0-9eE]+)"')
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_REASONS: Final = {
    ErrorCode.NOT_FOUND: "there is nothing at this path: name a FHIR bundle, or a folder of .json files",
    ErrorCode.PERMISSION_DENIED: "this user may not read it",
}


def json_files(path: Path, /) -> Iterator[Path | tuple[Path, AegisError]]:
    """The path itself, or every ``*.json`` below it in the order of names, and what can't be listed with its error.

    Raises:
        AegisError: ``not_found`` or ``permission_denied`` for the path itself, ``not_found`` for a folder without any.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        raise _refusal(error) from None
    if not is_folder:
        yield path
        return
    refused: list[tuple[Path, AegisError]] = []
    found = False
    for folder, folders, names in os.walk(path, onerror=lambda error: refused.append((path, _refusal(error)))):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".json"):
                found = True
                yield Path(folder, name)
    yield from refused
    if not found and not refused:
        raise AegisError(ErrorCode.NOT_FOUND, "no .json file lies in this folder: name a FHIR bundle, or their folder")


def read_json(file: Path, /) -> dict[str, Any]:
    """Read one resource.

    Raises:
        AegisError: ``resource_exhausted`` over 64 MiB, ``conflict`` if it changed meanwhile, ``permission_denied``,
            ``not_found``, ``invalid_argument`` for what is no FHIR resource in JSON. No message repeats what was read.
    """
    body = _read(file)
    try:
        if _NUL.search(body):
            raise ValueError
        parsed = json.loads(body, parse_float=_exact(float), parse_int=_exact(int), parse_constant=_no_number)
        if b"\\u" in body:
            write_json(parsed)  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "this is not valid JSON") from None
    return checked(parsed)


def write_json(resource: object, /) -> bytes:
    """Write what `read_json` read; every number has its digits again."""
    text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
    return _KEPT_DIGITS.sub(r"\1", text).encode()


def checked(parsed: object, /) -> dict[str, Any]:
    """Give back what says that it is a FHIR resource.

    Raises:
        AegisError: ``invalid_argument`` for anything else.
    """
    if not isinstance(parsed, dict) or not isinstance(parsed.get("resourceType"), str):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "a FHIR resource must say its resourceType, and this does not")
    return parsed


def _read(file: Path) -> bytes:
    try:
        # Not blocking: a pipe that nobody writes to would never open.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as source:  # noqa: PTH123 - a descriptor has no path
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise AegisError(ErrorCode.INVALID_ARGUMENT, "this is not a regular file")
            if before.st_size > LARGEST_FILE:
                raise AegisError(
                    ErrorCode.RESOURCE_EXHAUSTED, f"the file is over {LARGEST_FILE >> 20} MiB: split the bundle"
                )
            body = source.read(LARGEST_FILE + 1)
            after = os.fstat(descriptor)
    except OSError as error:
        raise _refusal(error) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(body) != before.st_size:
        raise AegisError(ErrorCode.CONFLICT, "the file changed while it was read: try again when it is complete")
    return body


def _refusal(error: OSError) -> AegisError:
    code = classify_os_error(error) or ErrorCode.INTERNAL
    return AegisError(code, _REASONS.get(code, "the system can't read it"))


def _exact(kind: Callable[[str], float]) -> Callable[[str], float | str]:
    def read(digits: str) -> float | str:
        number = kind(digits)
        return number if repr(number) == digits else _DIGITS + digits

    return read


def _no_number(_text: str) -> NoReturn:
    raise ValueError
