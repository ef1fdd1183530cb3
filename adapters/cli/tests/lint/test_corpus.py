"""Precision and recall on a corpus whose every line says what is to be found on it."""

import re
from collections import Counter
from pathlib import Path

import pytest

from aegis_cli.lint import lint_text

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.name for path in CORPUS.glob("*.py"))


def said(source: str, word: str) -> set[tuple[int, str]]:
    return {
        (number, found[1])
        for number, line in enumerate(source.splitlines(), 1)
        if (found := re.search(rf"# {word}: (AEG\d+)", line))
    }


def found(name: str) -> set[tuple[int, str]]:
    return {(remark.line, remark.code) for remark in lint_text(name, (CORPUS / name).read_text())}


@pytest.mark.parametrize("name", FILES)
def test_the_linter_remarks_what_the_corpus_says_and_nothing_else(name: str) -> None:
    source = (CORPUS / name).read_text()
    assert found(name) == said(source, "expect")
    assert not found(name) & said(source, "miss")


def test_every_rule_has_lines_in_the_corpus() -> None:
    counted = Counter(code for name in FILES for _, code in said((CORPUS / name).read_text(), "expect"))
    assert {f"AEG{number:03}" for number in range(1, 12)} == set(counted)
    assert min(counted.values()) >= 3
