"""What the documents show runs as they show it."""

import re

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from tests.architecture.tree import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "index.md", *sorted((ROOT / "docs" / "guides").rglob("*.md"))]
SYBIL = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()])


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_python_blocks_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    document = SYBIL.parse(file)
    # As in a module: Celery tells every application of this process of the tasks that a guide declares, by their names.
    document.namespace["__name__"] = f"blocks_of_{file.stem}"
    for example in document.examples():
        example.evaluate()


def test_the_readme_has_blocks_that_run():
    assert len(list(SYBIL.parse(ROOT / "README.md").examples())) >= 2


def test_every_make_target_in_a_document_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for file in [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]:
        for line in re.findall(r"^(?:\$ |    )make ([a-z -]+)", file.read_text(), re.MULTILINE):
            assert set(line.split()) <= targets, (file, line)


def test_links_between_files_of_the_repository_lead_somewhere():
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
            assert (file.parent / target).exists(), (file, target)
