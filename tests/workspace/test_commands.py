"""The commands that the README and CI name are there, and do what they are said to do."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

SESSIONS = ["tests", "capabilities", "lint", "types", "demo", "bench", "walk", "docs", "servers"]


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_sessions_are_exactly_these():
    nox = Path(sys.executable).with_name("nox")
    if nox.is_file():
        listed = re.findall(r"^[*-] (\w+) ->", output(nox, "-l"), re.MULTILINE)
    else:
        listed = re.findall(r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert listed == SESSIONS


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        (["test"], "nox -s tests"),
        (["demo"], "nox -s demo --"),
        (["demo", "INPUT=some/folder"], 'nox -s demo -- "some/folder"'),
        (["demo-servers"], "nox -s servers -- demo"),
        (["demo-servers", "INPUT=a folder", "KILL=s3"], 'nox -s servers -- demo --kill "s3" "a folder"'),
        (["bench"], "nox -s bench --"),
        (["lint"], "nox -s lint"),
        (["types"], "nox -s types"),
        (["walk"], "nox -s walk"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_runs_the_session_of_that_name(command, runs):
    assert runs in output("make", "-n", *command)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_needs_nothing_but_python_and_a_pin(tmp_path):
    # A dry run in a copy without .venv: make it, install nox by the pins, run the session.
    for name in ("Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    steps = subprocess.run(["make", "-n", "test"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert steps.index("-m venv .venv") < steps.index("-c constraints.txt nox") < steps.index("nox -s tests")


def test_the_ci_script_is_valid_and_executable():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert output("bash", "-n", script) == ""


def entry_points():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    return [
        EntryPoint(name, value, group)
        for group, points in groups.items()
        if group.startswith("aegis.")
        for name, value in points.items()
    ]


@pytest.mark.parametrize("point", entry_points(), ids=lambda point: f"{point.group}-{point.name}")
def test_every_local_adapter_is_where_its_entry_point_says(point):
    assert callable(point.load())
