"""The pages on moving in say the same in both languages."""

import re

import pytest

from tests.architecture.tree import ROOT

FOLDER = ROOT / "docs" / "guides" / "moving-in"
ENGLISH = sorted(page for page in FOLDER.glob("*.md") if not page.name.endswith(".th.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
THAI = re.compile("[\u0e00-\u0e7f]")


def prose(text):
    return FENCED.sub("", text)


def headings(text):
    return re.findall(r"^(#+) ", prose(text), re.MULTILINE)


def rows(text):
    return len(re.findall(r"^(?:\||- )", prose(text), re.MULTILINE))


def test_there_are_pages_and_none_is_thai_alone():
    assert ENGLISH
    assert {page.name.removesuffix(".th.md") for page in FOLDER.glob("*.th.md")} <= {page.stem for page in ENGLISH}


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_the_thai_page_has_the_same_code_headings_and_rows(page):
    thai_page = page.with_suffix(".th.md")
    english, thai = page.read_text(), thai_page.read_text()
    assert FENCED.findall(thai) == FENCED.findall(english)
    assert headings(thai) == headings(english)
    assert rows(thai) == rows(english)
    assert f"]({thai_page.name})" in english
    assert f"]({page.name})" in thai
    assert not THAI.search(prose(english).replace("[ภาษาไทย]", ""))
    assert all(THAI.search(title) for title in re.findall(r"^#+ (.*)$", prose(thai), re.MULTILINE))


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
