"""The contracts between rooms hold, and would notice if they did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import CORE, ROOT

#: contract → a file of the core and a line that breaks that contract when it is added.
BREACHES = {
    "Each floor leans on the floors below": ("kernel/ids.py", "from aegis_core.audit import port"),
    "Marks work with the standard library alone": ("marks/__init__.py", "import attrs"),
    "The core knows no vendor SDK, web framework or accelerator": ("storage/model.py", "import boto3"),
    "Local adapters lean on ports, models and the kernel": (
        "local/planted.py",
        "from aegis_core.planted import service",
    ),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert program, "import-linter is not installed"
    return subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(CORE, tmp_path / "aegis_core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold():
    ended = lint_imports(ROOT)
    assert ended.returncode == 0, ended.stdout
    assert "Contracts: 4 kept, 0 broken." in ended.stdout


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_is_found(copy, contract):
    name, line = BREACHES[contract]
    (copy / "aegis_core" / "planted").mkdir()
    (copy / "aegis_core" / "planted" / "__init__.py").touch()
    (copy / "aegis_core" / "planted" / "service.py").touch()
    assert f"{contract} KEPT" in lint_imports(copy).stdout
    with (copy / "aegis_core" / name).open("a") as file:
        file.write(f"\n{line}\n")
    ended = lint_imports(copy)
    assert ended.returncode == 1
    assert f"{contract} BROKEN" in ended.stdout
