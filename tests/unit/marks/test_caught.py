"""The reference page on what is caught says what its cases do."""

import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT
from tests.unit.marks.caught.outcome import VALUE, NotApplicableError, Outcome, outcome_of

PAGE = ROOT / "docs" / "reference" / "marks-shapes.md"


@pytest.fixture(scope="module")
def printed() -> str:
    """The page, by a process of its own: it sets up Django, and nothing is learned in it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.marks.caught"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_is_what_came_of_its_cases(printed):
    assert printed == PAGE.read_text(), "python -m tests.unit.marks.caught > docs/reference/marks-shapes.md"


def test_no_form_of_a_marked_field_of_any_shape_is_shown_in_a_line(printed):
    table = printed.partition("## A marked field")[2].partition("\n## ")[0]
    cells = re.findall(r"(?<=\| )(caught|erased|–|\*\*shown\*\*)(?= \|)", table)
    assert len(cells) == 16 * 13
    assert set(cells) == {"caught", "–"}


def test_an_outcome_is_what_became_of_the_value():
    def none() -> object:
        raise NotApplicableError

    assert outcome_of(lambda: f"to {VALUE}") is Outcome.SHOWN
    assert outcome_of(lambda: ["[phi.name]"]) is Outcome.CAUGHT
    assert outcome_of(lambda: ["[Patient]"]) is Outcome.ERASED
    assert outcome_of(none) is Outcome.NONE


def test_every_case_that_shows_the_value_is_listed_at_the_end(printed):
    cases, _, last = printed.partition("## All that is shown")
    for line in cases.splitlines():
        if line.endswith("| **shown** |") and "`" in line and line.count(" | ") == 2:
            assert line.split(" | ")[0].removeprefix("| ") in last
    assert cases.count("**shown**") > 30
