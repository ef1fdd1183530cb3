"""The guide's files of tests, run by pytest."""

import re

import pytest

from tests.architecture.tree import ROOT

pytest_plugins = ["pytester"]

GUIDE = (ROOT / "docs" / "guides" / "testing.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("number", "outcomes"), [(0, {"passed": 1}), (1, {"passed": 2, "failed": 1}), (2, {"passed": 2})], ids=str
)
def test_a_block_is_a_file_of_tests(pytester, number, outcomes):
    pytester.makepyfile(BLOCKS[number])
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(**outcomes)
    if "failed" in outcomes:
        (shown,) = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
        result.stdout.fnmatch_lines(shown.splitlines())


def test_every_block_is_run():
    assert len(BLOCKS) == 3
