"""Every door three ways: what is marked leaves by it, `aegis leaks` says so, and the line that it prints closes it.

A program is one door. It is run with a canary as its argument. The line that is printed is put in the place of
``# FIX`` (``# FIX,`` inside of a call), and lines that end in ``# OPEN`` are left out with it.

Where a line of ours closes the door with others, it is put into the program as it was, in the place of ``# ADAPTER``,
or of ``# FIX`` where there is none. What stands after ``# ADAPTER`` is what ``…`` in the line stands for; the statement
that ends, or begins, with ``# REPLACED`` is left out.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_cli.leaks import Finding, State, inspect_application
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Remedy
from aegis_core import Canary

PROGRAMS = Path(__file__).parent / "programs"
CANARY = "MRN-7Q4X-K29W"
NAMES = sorted(path.stem for path in PROGRAMS.glob("[!_]*") if path.suffix == ".py" or (path / "program.py").exists())
BY_NAME = {door.id.replace(".", "_").replace("-", "_"): door for door in DOORS}


def environment(source: str) -> dict[str, str]:
    said = (line.split(maxsplit=2)[2] for line in source.splitlines() if line.startswith("# ENVIRONMENT "))
    return dict(each.split("=", 1) for each in said)


def written(program: Path) -> tuple[int, bytes]:
    """What leaves a program that was handed the canary, and how it ended."""
    done = subprocess.run(
        [sys.executable, str(program), CANARY],
        env={**os.environ, **environment(program.read_text()), "PYTHONWARNINGS": "default"},
        cwd=program.parent,
        capture_output=True,
        timeout=90,
    )
    return done.returncode, done.stdout + done.stderr


def finding(program: Path, door: str, monkeypatch: pytest.MonkeyPatch) -> Finding:
    for name, value in environment(program.read_text()).items():
        monkeypatch.setenv(name, value)
    report = inspect_application(str(program), here=program.parent)
    return next(each for each in report.findings if each.door == door)


def placed(name: str, folder: Path) -> Path:
    """Copy a program, or a folder with one, and what all of them share."""
    for helper in PROGRAMS.glob("_*.py"):
        shutil.copy(helper, folder)
    if (PROGRAMS / name).is_dir():
        shutil.copytree(PROGRAMS / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        return folder / "program.py"
    return Path(shutil.copy(PROGRAMS / f"{name}.py", folder / f"{name}_program.py"))


def close(folder: Path, line: str) -> None:
    sources = {path: path.read_text() for path in folder.iterdir() if path.suffix in {".py", ".ini"}}
    changed = {path: fixed(source, line) for path, source in sources.items()}
    assert changed != sources
    for path, source in changed.items():
        path.write_text(source)


def fixed(source: str, line: str) -> str:
    kept = []
    for each in source.splitlines(keepends=True):
        stripped = each.strip()
        if stripped.endswith("# OPEN"):
            continue
        if stripped in {"# FIX", "# FIX,"}:
            indent = each[: len(each) - len(each.lstrip())]
            each = f"{indent}{line}{',' if stripped.endswith(',') else ''}\n"
        kept.append(each)
    return "".join(kept)


#: What a program that has an adapter has beside the line.
PREPARED = {
    "aegis-health-core": "from aegis_core import install_logging, redact_loguru",
    "aegis-health-celery": "import aegis_celery; from aegis_core import Aegis; "
    "from aegis_core.blocking import PerProcess; aegis = PerProcess(Aegis())",
    "aegis-health-django": "",
    "aegis-health-fastapi": "import aegis_fastapi",
    "aegis-health-flask": "import aegis_flask",
    "aegis-health-opentelemetry": "from aegis_opentelemetry import RedactingSpanExporter; "
    "from opentelemetry.sdk.trace.export import BatchSpanProcessor",
    "aegis-health-sentry": "import aegis_sentry",
    "aegis-health-sqlalchemy": "import aegis_sqlalchemy",
}


def bettered(source: str, better: Remedy) -> str:
    """A program with the line of ours in its place."""
    lines = source.splitlines()
    replaced = {
        number
        for statement in ast.parse(source).body
        if any(line.endswith("# REPLACED") for line in lines[statement.lineno - 1 : statement.end_lineno])
        for number in range(statement.lineno - 1, statement.end_lineno or 0)
    }
    marker = "# ADAPTER" if "# ADAPTER" in source else "# FIX"
    made = [PREPARED[better.distribution]]
    for number, line in enumerate(lines):
        if number not in replaced:
            place, found, rest = line.partition(marker)
            stands_for = rest.strip(" ,")
            fixed = better.line.replace("…", stands_for)
            if rest == ",":
                fixed = f"{fixed.replace('; ', ', ')},"
            made.append(f"{place}{fixed}" if found else line)
    return "\n".join(made) + "\n"


def has_better(name: str) -> bool:
    door = BY_NAME[name.partition("__")[0]]
    return door.better is not None and door.better.line != door.fix


@pytest.mark.parametrize("name", NAMES)
def test_what_leaves_by_a_door_stays_once_the_printed_line_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = BY_NAME[name.partition("__")[0]].id  # a door may have several programs: name__variant
    program = placed(name, tmp_path)
    code, leaked = written(program)
    assert Canary([CANARY]).find(leaked), f"nothing leaked: {leaked.decode()}"
    found = finding(program, door, monkeypatch)
    assert found.state is State.OPEN, found
    assert CANARY not in repr(found)

    close(tmp_path, found.openings[0].fix)
    closed_code, kept = written(program)
    assert closed_code == code, kept.decode()
    assert not Canary([CANARY]).find(kept), kept.decode()
    assert finding(program, door, monkeypatch).state is State.OK


@pytest.mark.parametrize("name", [name for name in NAMES if has_better(name)])
def test_what_leaves_by_a_door_stays_once_our_own_line_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = BY_NAME[name.partition("__")[0]]
    program = placed(name, tmp_path)
    assert door.better is not None
    program.write_text(bettered(program.read_text(), door.better))
    code, kept = written(program)
    assert code == 0, kept.decode()
    assert not Canary([CANARY]).find(kept), kept.decode()
    assert finding(program, door.id, monkeypatch).state is State.OK


def test_every_door_has_a_program() -> None:
    assert {name.partition("__")[0] for name in NAMES} == set(BY_NAME)
