"""What it costs to import us, against a bare interpreter start."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rows import Row

ROOT = Path(__file__).parent.parent
BARE = "pass"
FORBIDDEN = ("typing", "asyncio", "attrs", "cattrs", "cryptography", "aiofiles", "importlib.metadata")
PROGRAMS = {
    "import aegis_core": 1.3,
    "import aegis_core.marks": 1.3,
    "from aegis_core import PHI, Mrn, guarded, redact_event": 2.2,
}


def rows(quick: bool) -> Iterator[Row]:
    """Seconds of CPU of a whole process; the smallest of many starts."""
    best = measure((BARE, *PROGRAMS, "import typing"), starts=15 if quick else 60)
    for program, target in PROGRAMS.items():
        yield Row(
            "import",
            program,
            ours=best[program],
            limit=best[BARE],
            target=target,
            peers={"import typing": best["import typing"]},
            note="limit: a bare start",
        )
    for program in ("import aegis_core", "import aegis_core.marks"):
        count = f"{program}, sys; sys.exit(sum(name in sys.modules for name in {FORBIDDEN!r}))"
        loaded = run(count, "-S")[1]  # without `site`: what others put into it must not count
        yield Row("import", f"{program}: forbidden modules", ours=loaded, target=0, unit="modules")


def measure(programs: tuple[str, ...], *, starts: int) -> dict[str, float]:
    """Start every program in turns; seconds of CPU, smallest of ``starts``."""
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(starts):
        for program in programs:
            spent, status = run(program)
            if status:
                raise SystemExit(f"{program!r} ended with {status}")
            best[program] = min(best[program], spent)
    return best


def run(program: str, *options: str) -> tuple[float, int]:
    """Seconds of CPU and exit status of one interpreter."""
    # The folder comes through the environment, as `-P` keeps the working directory out of the path.
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")}
    command = [sys.executable, *options, "-P", "-c", program]
    pid = os.posix_spawn(sys.executable, command, environment)
    _, status, usage = os.wait4(pid, 0)
    return usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status)
