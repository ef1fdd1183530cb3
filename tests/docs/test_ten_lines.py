"""The guide's blocks print what the guide says they print."""

import json
import re

import pytest
import structlog

from tests.architecture.tree import ROOT
from tools.guides import blocks_of

GUIDE = (ROOT / "docs" / "guides" / "ten-lines.md").read_text()
BLOCKS = [block for block in blocks_of(GUIDE) if block.kind in {"python", "json"}]


@pytest.fixture(autouse=True)
def _leave_structlog_as_it_was():
    yield
    structlog.reset_defaults()


def test_every_block_runs_and_its_output_is_the_one_shown(capsys):
    names: dict[str, object] = {"__name__": "ten_lines"}
    printed: list[str] = []
    compared = 0
    for kind, block in BLOCKS:
        if kind == "python":
            exec(compile(block, "ten-lines.md", "exec", dont_inherit=True), names)
            printed = capsys.readouterr().out.splitlines()
        else:
            assert [json.loads(line) for line in printed] == [json.loads(line) for line in block.splitlines()]
            compared += 1
    assert compared == 5


def test_the_first_block_is_ten_lines_of_the_application():
    first = next(block for kind, block in BLOCKS if kind == "python")
    code = [line for line in first.splitlines() if line.strip() and not line.startswith(("import", "from typing"))]
    assert len(code) <= 10


def test_every_limit_that_the_guide_names_has_a_test():
    limits = re.search(r"## What is not caught\n(.*?)\n## ", GUIDE, re.DOTALL)
    tests = (ROOT / "tests" / "unit" / "marks" / "test_limits.py").read_text()
    assert limits is not None
    of_marks, _, of_frameworks = limits[1].partition("\nOf frameworks")
    assert len(re.findall(r"^- \*\*", of_marks, re.MULTILINE)) == len(re.findall(r"^def test_", tests, re.MULTILINE))
    assert len(re.findall(r"^- \*\*", of_frameworks, re.MULTILINE)) == 2  # tests/corpus has a case of each
