"""Runs a program that carries its cases by itself, to its end."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def carry_alone(program: str, written: Path, environ: Mapping[str, str]) -> set[str]:
    """Run it. Everything that it wrote lies in ``written`` then.

    Returns:
        The ids of the cases that it says it carried.
    """
    with (written / "output").open("wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", program],
            cwd=written,
            env=environ,
            stdout=output,
            stderr=output,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, (written / "output").read_text()[-4000:]
    return set(Path(environ["CORPUS_CARRIED"]).read_text().split())
