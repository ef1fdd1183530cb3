"""The guide's program verifies a log with the standard library alone, and finds what was changed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG = ROOT / "tests" / "golden" / "audit" / "log"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    guide = (ROOT / "docs" / "guides" / "verify-without-us.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    path = tmp_path / "verify.py"
    path.write_text(source)
    return path


def run(program: Path, log: Path) -> tuple[int, str]:
    # Isolated: neither this project nor any package can be imported.
    command = [sys.executable, "-I", "-S", str(program), str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_it_imports_nothing_but_the_standard_library(program: Path) -> None:
    imported = set(re.findall(r"^import (\w+)", program.read_text(), re.MULTILINE))
    assert imported <= sys.stdlib_module_names
    assert imported == {"base64", "hashlib", "pathlib", "sys"}


def test_it_says_intact(program: Path) -> None:
    status, out = run(program, LOG)
    assert status == 0, out
    assert out.startswith("clinic-a.example/audit: 260 entries, root ")
    assert out.endswith("intact\n")
    assert out in (ROOT / "docs" / "guides" / "verify-without-us.md").read_text()


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("tile/entries/000", 40),
        ("tile/entries/001.p/4", 99),
        ("tile/0/000", 8000),
        ("tile/1/000.p/1", 0),
        ("checkpoint", 30),
    ],
)
def test_it_finds_a_flipped_byte(program: Path, tmp_path: Path, name: str, at: int) -> None:
    log = tmp_path / "log"
    shutil.copytree(LOG, log)
    octets = bytearray((log / name).read_bytes())
    octets[at] ^= 1
    (log / name).write_bytes(octets)
    status, out = run(program, log)
    assert status == 3, out
    assert "NOT INTACT" in out
