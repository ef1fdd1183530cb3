"""A report for people, for machines, and for code scanning."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from aegis_cli import sarif
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Opening, Report, State
from aegis_cli.output import BAD, FAINT, OK, WARN, Json, plain, table

_STYLES = {State.OK: OK, State.OPEN: BAD, State.IGNORED: WARN, State.NOT_USED: FAINT}


def rows(report: Report, /) -> list[Sequence[str | Text]]:
    """A row a door, and below it a row for each place where it is open, with the line that closes it there.

    Doors that are not used are counted below, not listed.
    """
    marks = "1 field" if report.marked_fields == 1 else f"{report.marked_fields} fields"
    classes = "1 class" if report.marked_classes == 1 else f"{report.marked_classes} classes"
    made: list[Sequence[str | Text]] = [
        ("marks", f"{marks} on {classes}", Text("ok", style=OK))
        if report.marked_fields
        else ("marks", "no field of yours bears a mark, such as mrn: Mrn", Text("none", style=WARN))
    ]
    for finding in report.used:
        reason = f" ({plain(finding.reason)})" if finding.reason else ""
        made.append((finding.door, f"{finding.leaks}{reason}", Text(finding.state, style=_STYLES[finding.state])))
        if finding.state is State.OPEN:
            made += [("", _place(each), "") for each in finding.openings]
    return made


def _place(opening: Opening) -> Text:
    place = f"{opening.file}:{opening.line}" if opening.line else opening.file
    where = f"{opening.where} ({place})" if place else opening.where
    return Text.assemble((f"  {plain(where)} ", FAINT), f"→ {plain(opening.fix)}", overflow="fold")


def shown(report: Report, /) -> tuple[Any, ...]:
    """The table, and the sentence below it."""
    unused = len(report.findings) - len(report.used)
    count = len(report.open)
    last = f"{count} of {len(report.used)} doors {'is' if count == 1 else 'are'} open"
    return (
        table("door", "what leaves", "state", rows=rows(report)),
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
