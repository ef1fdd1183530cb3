"""The command."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegis_cli import sarif
from aegis_cli.exits import Exit
from aegis_cli.lint.run import lint as look
from aegis_cli.lint.show import as_document, as_sarif, shown
from aegis_cli.output import AsJson, Output
from aegis_core import AegisError, ErrorCode


def lint(
    *paths: Path,
    sarif_file: Annotated[Path | None, Parameter(name="--sarif")] = None,
    as_json: AsJson = False,
) -> Exit:
    """Which lines of source write what is marked where it does not belong?

    Reads names and annotations, and runs nothing. A comment on the line lets it be:
    # aegis: ignore[AEG001] - the reason why. Exit codes: 0 nothing was found; 1 something was; 2 a file is not there or
    is no Python.

    JSON: {"files": int, "lines": int, "remarks": [{"file": str, "line": int, "column": int, "rule": str, "says": str,
    "instead": str}], "unreadable": [str]}

    Parameters
    ----------
    paths
        Files and folders; without any, the working directory.
    sarif_file
        Also write what was found to this file, as SARIF 2.1.0.
    """
    wanted = paths or (Path(),)
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"there is no {', no '.join(missing)}")
    out = Output(as_json=as_json)
    with out.progress("reading"):
        linted = look(wanted)
    if sarif_file is not None:
        sarif.write(sarif_file, as_sarif(linted))
    out.answer(as_document(linted), *shown(linted))
    if linted.unreadable:
        return Exit.USAGE
    return Exit.FAILED if linted.remarks else Exit.OK
