"""Looking at an application from outside: in a process of its own, so that nothing it does reaches the caller."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from aegis_cli.leaks.model import Finding, Opening, Report, State
from aegis_cli.leaks.target import NotImportable

LONGEST: Final = 120.0  #: seconds that importing an application may take


def inspect_application(target: str, /, *, here: Path | None = None) -> Report:
    """Import an application in a process of its own and look at every door. Its output is thrown away.

    Arguments:
        target: ``app.main``, ``app.main:app``, ``app.main:make_app()`` or ``app/main.py``.
        here: the folder to start in; by default the working directory.

    Raises:
        NotImportable: in one line, why.
    """
    with tempfile.TemporaryDirectory(prefix="aegis-leaks-") as folder:
        answer = Path(folder, "answer.json")
        try:
            done = subprocess.run(  # noqa: S603 - our own module, with this interpreter
                [sys.executable, "-m", "aegis_cli.leaks.child", target, str(answer)],
                cwd=here,
                env=os.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotImportable(f"it is not imported after {LONGEST:.0f} s") from None
        if not answer.is_file():
            raise NotImportable(f"the process that imported it ended with {done.returncode} and said nothing")
        said: dict[str, Any] = json.loads(answer.read_text())
    if "problem" in said:
        raise NotImportable(said["problem"])
    return _report(said["report"])


def _report(held: dict[str, Any]) -> Report:
    findings = tuple(
        Finding(
            each["door"],
            State(each["state"]),
            each["leaks"],
            tuple(Opening(**opening) for opening in each["openings"]),
            each["reason"],
        )
        for each in held["findings"]
    )
    return Report(held["target"], findings, held["file"], held["marked_fields"], held["marked_classes"])
