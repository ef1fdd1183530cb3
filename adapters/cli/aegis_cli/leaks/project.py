"""What a project says of doors that may stay open: ``[tool.aegis.leaks.ignore]`` in its ``pyproject.toml``."""

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

import attrs

from aegis_cli.leaks.model import Finding, Report, State
from aegis_core import AegisError, ErrorCode


def ignored_in(folder: Path, /) -> dict[str, str]:
    """Give what the project in a folder ignores: door, or ``door:where`` → why.

    Raises:
        AegisError: ``invalid_argument``: the file is no TOML, or an entry has no reason.
    """
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"{file} is not valid TOML") from None
    entries = tool.get("aegis", {}).get("leaks", {}).get("ignore", {})
    if not isinstance(entries, dict) or not all(isinstance(why, str) and why.strip() for why in entries.values()):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            f'{file}: [tool.aegis.leaks.ignore] takes lines such as "celery.results" = "why it may stay open"',
        )
    return dict(entries)


def check(names: Collection[str], doors: Collection[str], /) -> None:
    """Refuse names of doors that there are not.

    Raises:
        AegisError: ``invalid_argument``, with what may be meant.
    """
    for name in names:
        door = name.partition(":")[0]
        if door not in doors:
            close = get_close_matches(door, doors, 1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f'there is no door "{door}" to ignore{meant}')


def without(report: Report, ignored: Mapping[str, str], /) -> Report:
    """Take what is ignored out of a report: whole doors, and places of doors."""
    return attrs.evolve(report, findings=tuple(_without(finding, ignored) for finding in report.findings))


def _without(finding: Finding, ignored: Mapping[str, str]) -> Finding:
    if finding.state is not State.OPEN:
        return finding
    if finding.door in ignored:
        return attrs.evolve(finding, state=State.IGNORED, reason=ignored[finding.door])
    left = tuple(each for each in finding.openings if f"{finding.door}:{each.where}" not in ignored)
    if left:
        return attrs.evolve(finding, openings=left)
    reason = ignored[f"{finding.door}:{finding.openings[0].where}"]
    return attrs.evolve(finding, state=State.IGNORED, reason=reason)
