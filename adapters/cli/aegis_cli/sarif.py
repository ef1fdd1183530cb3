"""Findings as SARIF 2.1.0, for code scanning (OASIS, https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, Final, Literal
from urllib.parse import quote

import attrs

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


@attrs.frozen
class Rule:
    """What is looked for.

    Arguments:
        text: one sentence.
        help: what to do about it.
    """

    id: str
    text: str
    help: str


@attrs.frozen
class Result:
    """What was found at one place.

    Arguments:
        file: relative, or absolute where it lies outside.
        line: counted from 1; 0 where unknown.
        column: counted from 1; 0 where unknown.
        reason: why it may stay; empty if it may not.
    """

    rule: str
    message: str
    file: str
    line: int = 0
    column: int = 0
    level: Literal["error", "warning", "note"] = "error"
    reason: str = ""


def document(tool: str, rules: Sequence[Rule], results: Sequence[Result], /) -> dict[str, Any]:
    """One run of a tool.

    Arguments:
        tool: its name.
    """
    places = {rule.id: index for index, rule in enumerate(rules)}
    driver = {
        "name": tool,
        "version": version("aegis-health-cli"),
        "rules": [
            {"id": rule.id, "shortDescription": {"text": rule.text}, "help": {"text": rule.help}} for rule in rules
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, places[result.rule]) for result in results],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(result: Result, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(result.file)}}
    if result.line:
        place["region"] = {"startLine": result.line, **({"startColumn": result.column} if result.column else {})}
    made: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": rule,
        "level": result.level,
        "message": {"text": result.message},
        "locations": [{"physicalLocation": place}],
    }
    if result.reason:
        made["suppressions"] = [{"kind": "external", "justification": result.reason}]
    return made


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def write(path: Path, made: dict[str, Any], /) -> None:
    """Write a document to a file."""
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
