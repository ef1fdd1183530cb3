"""What is skipped on a laptop is a failure in CI, where it was promised."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT

TESTS = """
import pytest

@pytest.mark.server
def test_a_server_answers():
    pytest.skip("no server program here")

def test_vectors():
    pytest.skip("AEGIS_VECTORS names no folder")
"""


@pytest.fixture
def run(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_planted.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  server: x\n")

    def run(**variables):
        clean = {name: value for name, value in os.environ.items() if name != "CI"}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "."]
        ended = subprocess.run(
            command, cwd=tmp_path, env={**clean, **variables}, capture_output=True, text=True, check=False
        )
        return ended.stdout.splitlines()[-1]

    return run


def test_here_both_are_skipped(run):
    assert "2 skipped" in run()


def test_in_ci_a_missing_server_fails_and_missing_vectors_do_not(run):
    assert "1 failed, 1 skipped" in run(CI="true")
