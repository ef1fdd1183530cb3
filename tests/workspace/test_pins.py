"""One file pins what every session installs, and names no host."""

import re
import subprocess
import sys

from tests.architecture.tree import ROOT

PIN = re.compile(r"[a-z0-9-]+==[0-9][A-Za-z0-9.+!]*")


def test_every_requirement_is_pinned():
    ended = subprocess.run(
        [sys.executable, ROOT / "tools" / "lock.py", "--check"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_a_requirement_without_a_pin_is_found(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "lock.py").write_text((ROOT / "tools" / "lock.py").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(project.replace('"attrs>=24.2"', '"attrs>=24.2", "not-yet-pinned"'))
    (tmp_path / "constraints.txt").write_text((ROOT / "constraints.txt").read_text())
    command = [sys.executable, tmp_path / "tools" / "lock.py", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not-yet-pinned" in ended.stdout


def test_a_line_is_a_name_and_an_exact_version():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(set(names))
