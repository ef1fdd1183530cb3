"""What was found, for people, for machines, and for code scanning."""

from typing import Any

from rich.text import Text

from aegis_cli import sarif
from aegis_cli.lint.model import RULES
from aegis_cli.lint.run import Linted
from aegis_cli.output import BAD, FAINT, OK, WARN, Json, plain


def shown(linted: Linted, /) -> tuple[Text, ...]:
    """A line a remark, as editors jump to it, and the sentence below them."""
    lines = [
        Text.assemble(
            f"{plain(each.file)}:{each.line}:{each.column}: ",
            (each.code, BAD),
            f" {plain(each.says)} ",
            (f"→ {each.instead}", FAINT),
        )
        for each in linted.remarks
    ]
    lines += [Text(f"{plain(file)}: this is no Python that can be read", style=WARN) for file in linted.unreadable]
    count = "1 remark" if len(linted.remarks) == 1 else f"{len(linted.remarks)} remarks"
    files = "1 file" if linted.files == 1 else f"{linted.files} files"
    return (*lines, Text(f"{count} on {linted.lines} lines of {files}", style=BAD if linted.remarks else OK))


def as_document(linted: Linted, /) -> dict[str, Json]:
    """What was found as JSON has it."""
    remarks: list[Json] = [
        {
            "file": each.file,
            "line": each.line,
            "column": each.column,
            "rule": each.code,
            "says": each.says,
            "instead": each.instead,
        }
        for each in linted.remarks
    ]
    return {
        "files": linted.files,
        "lines": linted.lines,
        "remarks": remarks,
        "unreadable": list(linted.unreadable),
    }


def as_sarif(linted: Linted, /) -> dict[str, Any]:
    """What was found as SARIF has it."""
    rules = [sarif.Rule(rule.code, rule.finds, rule.instead) for rule in RULES]
    results = [
        sarif.Result(each.code, f"{each.says} → {each.instead}", each.file, each.line, each.column)
        for each in linted.remarks
    ]
    return sarif.document("aegis lint", rules, results)
