"""The command."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegis_cli import sarif
from aegis_cli.exits import Exit
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.inspection import inspect_application
from aegis_cli.leaks.project import check, ignored_in, without
from aegis_cli.leaks.show import as_document, as_sarif, shown
from aegis_cli.leaks.target import NotImportable
from aegis_cli.output import AsJson, Output
from aegis_core import AegisError, ErrorCode


def leaks(
    target: str,
    /,
    *,
    ignore: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    sarif_file: Annotated[Path | None, Parameter(name="--sarif")] = None,
    as_json: AsJson = False,
) -> Exit:
    """Which doors does what is marked leave your application by, and which line closes each?

    Imports the application in a process of its own (it starts no server, and what it prints is thrown away) and looks
    at what it set up. Exit codes: 0 no door is open; 1 one is; 2 the application can't be imported.

    JSON: {"target": str, "marks": {"fields": int, "classes": int}, "open": int, "used": int,
    "doors": [{"door": str, "state": "ok" | "open" | "not used" | "ignored", "leaks": str, "reason": str,
    "openings": [{"where": str, "fix": str, "file": str, "line": int}]}],
    "lines": [{"line": str, "distribution": str, "doors": [str]}]}

    Parameters
    ----------
    target
        As servers take it: app.main, app.main:app, app.main:make_app(), or a file.
    ignore
        A door that may stay open, or one place of it as door:where. Reasons stand in pyproject.toml, under
        [tool.aegis.leaks.ignore].
    sarif_file
        Also write what is open to this file, as SARIF 2.1.0.
    """
    here = Path.cwd()
    ignored = {**dict.fromkeys(ignore, "--ignore"), **ignored_in(here)}
    check(ignored, [door.id for door in DOORS])
    out = Output(as_json=as_json)
    try:
        with out.progress("importing"):
            report = without(inspect_application(target, here=here), ignored)
    except NotImportable as problem:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"{target} can't be imported: {problem}") from None
    if sarif_file is not None:
        sarif.write(sarif_file, as_sarif(report, report.file or "pyproject.toml"))
    out.answer(as_document(report), *shown(report))
    return Exit.FAILED if report.open else Exit.OK
