"""A report for people, for machines, and for code scanning."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from aegis_cli import sarif
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Finding, Report, State
from aegis_cli.output import BAD, FAINT, OK, WARN, Json, plain, table

_STYLES = {State.OK: OK, State.OPEN: BAD, State.IGNORED: WARN, State.NOT_USED: FAINT}


def rows(report: Report, /) -> list[Sequence[str | Text]]:
    """A row a place; doors that are not used are counted below, not listed."""
    marks = "1 field" if report.marked_fields == 1 else f"{report.marked_fields} fields"
    classes = "1 class" if report.marked_classes == 1 else f"{report.marked_classes} classes"
    made: list[Sequence[str | Text]] = []
    if report.marked_fields:
        made.append(("marks", f"{marks} on {classes}", "", Text("ok", style=OK), ""))
    else:
        made.append(("marks", "no field of yours bears a mark", "", Text("none", style=WARN), "→ mrn: Mrn"))
    for finding in report.used:
        made += _rows(finding)
    return made


def _rows(finding: Finding) -> list[Sequence[str | Text]]:
    state = Text(finding.state, style=_STYLES[finding.state])
    if finding.state is not State.OPEN:
        return [(finding.door, finding.leaks, "", state, plain(finding.reason))]
    return [
        (finding.door, finding.leaks, plain(_where(finding, index)), state, f"→ {plain(each.fix)}")
        for index, each in enumerate(finding.openings)
    ]


def _where(finding: Finding, index: int) -> str:
    each = finding.openings[index]
    place = f"{each.file}:{each.line}" if each.line else each.file
    return f"{each.where} ({place})" if place else each.where


def shown(report: Report, /) -> tuple[Any, ...]:
    """The table, and the sentence below it."""
    unused = len(report.findings) - len(report.used)
    count = len(report.open)
    last = f"{count} of {len(report.used)} doors {'is' if count == 1 else 'are'} open"
    return (
        table("door", "what leaves", "where", "state", "", rows=rows(report)),
        Text.assemble((last, BAD if count else OK), (f"; {unused} others belong to what is not used", FAINT)),
    )


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
    return {
        "target": report.target,
        "marks": {"fields": report.marked_fields, "classes": report.marked_classes},
        "open": len(report.open),
        "used": len(report.used),
        "doors": doors,
    }


def as_sarif(report: Report, file: str, /) -> dict[str, Any]:
    """A report as SARIF has it.

    Arguments:
        file: of the target, for what lies in no file.
    """
    rules = [sarif.Rule(door.id, _sentence(door.leaks), _sentence(door.fix or "mark the field")) for door in DOORS]
    results = [
        sarif.Result(
            finding.door,
            f"{each.where}: {finding.leaks} → {each.fix}",
            each.file or file,
            each.line,
            reason=finding.reason,
        )
        for finding in report.findings
        if finding.state in {State.OPEN, State.IGNORED}
        for each in finding.openings
    ]
    return sarif.document("aegis leaks", rules, results)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
