"""A report for people, for machines, and for code scanning."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import attrs
from rich.text import Text

from aegis_cli import sarif
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Door, Finding, Opening, Reach, Remedy, Report, State
from aegis_cli.output import BAD, FAINT, OK, WARN, Json, plain, table

_BY_ID: Final = {door.id: door for door in DOORS}
_STYLES = {State.OK: OK, State.OPEN: BAD, State.IGNORED: WARN, State.NOT_USED: FAINT}
_LEVELS: Final[dict[Reach, Literal["error", "warning", "note"]]] = {
    Reach.ANSWERS: "error",
    Reach.SERVICES: "error",
    Reach.STORES: "error",
    Reach.LOGS: "warning",
    Reach.CODE: "warning",
}


@attrs.frozen
class Closing:
    """A line, and the open doors that it closes."""

    remedy: Remedy
    doors: tuple[str, ...]


def closings(report: Report, /) -> tuple[Closing, ...]:
    """The lines that close more than one open door; those that close most come first."""
    closed: dict[Remedy, list[str]] = {}
    for finding in report.open:
        better = _BY_ID[finding.door].better
        for remedy in [better] if better else dict.fromkeys(Remedy(each.fix) for each in finding.openings):
            closed.setdefault(remedy, []).append(finding.door)
    several = [Closing(remedy, tuple(doors)) for remedy, doors in closed.items() if len(doors) > 1]
    return tuple(sorted(several, key=lambda each: -len(each.doors)))


def rows(report: Report, /) -> Iterator[Sequence[str | Text]]:
    """A row for each door that is open or ignored, those that lead farthest first, and below it one for each place
    where it is open, with the line that closes it there. Doors that are closed, or not used, are counted below.
    """
    marks = "1 field" if report.marked_fields == 1 else f"{report.marked_fields} fields"
    classes = "1 class" if report.marked_classes == 1 else f"{report.marked_classes} classes"
    if report.marked_fields:
        yield "marks", f"{marks} on {classes}", Text("ok", style=OK)
    else:
        yield "marks", "no field of yours bears a mark, such as mrn: Mrn", Text("none", style=WARN)
    for reach in Reach:
        found = [each for each in _shown(report) if _BY_ID[each.door].reach is reach]
        if found:
            yield "", Text(reach, style=FAINT), ""
        for finding in found:
            reason = f" ({plain(finding.reason)})" if finding.reason else ""
            yield finding.door, f"{finding.leaks}{reason}", Text(finding.state, style=_STYLES[finding.state])
            if finding.state is State.OPEN:
                yield from (("", each, "") for each in _places(finding.openings))


def _shown(report: Report) -> Iterable[Finding]:
    return (finding for finding in report.findings if finding.state in {State.OPEN, State.IGNORED})


def _places(openings: Sequence[Opening]) -> Iterator[Text]:
    """A line for each place; one for all of those that the same line closes, if they have no files."""
    together: dict[tuple[str, str], list[str]] = {}
    for opening in openings:
        place = f"{opening.file}:{opening.line}" if opening.line else opening.file
        where = f"{opening.where} ({place})" if place else opening.where
        together.setdefault((opening.fix, place), []).append(plain(where))
    for (fix, _), places in together.items():
        yield Text.assemble((f"  {', '.join(places)} ", FAINT), f"→ {plain(fix)}", overflow="fold")


def shown(report: Report, /) -> tuple[Any, ...]:
    """The table, the sentence below it, and the lines that are worth most."""
    unused = len(report.findings) - len(report.used)
    count = len(report.open)
    last = f"{count} of {len(report.used)} doors {'is' if count == 1 else 'are'} open"
    parts = [
        table("door", "what leaves", "state", rows=list(rows(report))),
        Text.assemble((last, BAD if count else OK), (f"; {unused} others belong to what is not used", FAINT)),
    ]
    return (*parts, *_summary(closings(report)))


def _summary(found: Sequence[Closing]) -> Iterator[Text]:
    for each in found:
        ours = each.remedy.distribution
        comes = f"  (pip install {ours})" if ours and ours != "aegis-health-core" else ""
        yield Text.assemble(
            (f"\n{len(each.doors)} of them are closed by ", FAINT), plain(each.remedy.line), (comes, FAINT)
        )
        yield Text(f"  {', '.join(each.doors)}", style=FAINT)


def as_document(report: Report, /) -> dict[str, Json]:
    """A report as JSON has it."""
    doors: list[Json] = [
        {
            "door": finding.door,
            "state": finding.state.value,
            "leaks": finding.leaks,
            "reason": finding.reason,
            "openings": [
                {"where": each.where, "fix": each.fix, "file": each.file, "line": each.line}
                for each in finding.openings
            ],
        }
        for finding in report.findings
    ]
    lines: list[Json] = [
        {"line": each.remedy.line, "distribution": each.remedy.distribution, "doors": list(each.doors)}
        for each in closings(report)
    ]
    return {
        "target": report.target,
        "marks": {"fields": report.marked_fields, "classes": report.marked_classes},
        "open": len(report.open),
        "used": len(report.used),
        "doors": doors,
        "lines": lines,
    }


def as_sarif(report: Report, file: str, /) -> dict[str, Any]:
    """A report as SARIF has it.

    Arguments:
        file: of the target, for what lies in no file.
    """
    rules = [sarif.Rule(door.id, _sentence(door.leaks), _help(door)) for door in DOORS]
    results = [
        sarif.Result(
            finding.door,
            f"{each.where}: {finding.leaks} → {each.fix}",
            each.file or file,
            each.line,
            level=_LEVELS[_BY_ID[finding.door].reach],
            reason=finding.reason,
        )
        for finding in _shown(report)
        for each in finding.openings
    ]
    return sarif.document("aegis leaks", rules, results)


def _help(door: Door) -> str:
    lines = [door.fix or "mark the field"]
    if door.better and door.better.line != door.fix:
        lines.append(f"{door.better.line}, from {door.better.distribution}, which closes others with it")
    return _sentence("; or ".join(lines))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
