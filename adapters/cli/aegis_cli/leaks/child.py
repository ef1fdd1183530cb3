"""The process that imports the application and looks at its doors. Started by `aegis_cli.leaks.inspection`.

    python -m aegis_cli.leaks.child TARGET ANSWER

ANSWER is the file that it writes: the report, or why there is none, as JSON. What the application prints goes where its
output goes, and never into the answer.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import attrs

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Door, Finding, Opening, Report, State
from aegis_cli.leaks.target import NotImportable, load, parse


def look(door: Door, application: Application, /) -> Finding:
    """Say how one door of an application stands."""
    if door.libraries and not any(application.module(name) for name in door.libraries):
        return Finding(door.id, State.NOT_USED, door.leaks)
    try:
        openings = door.look(application)
        if openings is None:
            return Finding(door.id, State.NOT_USED, door.leaks)
        found = tuple(attrs.evolve(each, fix=each.fix or door.fix) for each in openings)
    except Exception as problem:  # noqa: BLE001 - a door that nobody could look at is no closed one
        found = (Opening(f"this door could not be looked at ({type(problem).__name__})", door.fix),)
    return Finding(door.id, State.OPEN if found else State.OK, door.leaks, found)


def report(text: str, application: Application, /) -> Report:
    """Look at every door of an application."""
    findings = tuple(look(door, application) for door in DOORS)
    marked = application.marked_classes
    return Report(
        text,
        findings,
        application.relative(application.target.__file__ or ""),
        sum(len(own.marked) for own in marked),
        len(marked),
    )


def main() -> None:
    """Import the target, look, write the answer."""
    text, answer = sys.argv[1:]
    sys.argv[1:] = []
    try:
        target = parse(text, here=Path.cwd())
        module = load(target)
    except NotImportable as problem:
        Path(answer).write_text(json.dumps({"problem": str(problem)}))
        return
    # What looking at things may warn of or log is nobody's.
    with warnings.catch_warnings():
        made = report(text, Application(target.root, module))
    Path(answer).write_text(json.dumps({"report": attrs.asdict(made)}))
    os._exit(0)  # the application's threads, and what it does at exit, are not waited for


if __name__ == "__main__":
    main()
