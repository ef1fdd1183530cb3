"""What an earlier release exported, every later one checks: these files are never written again."""

import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", ["export_v1"])
def test_an_export_of_every_release_is_checked(aegis, tmp_path, monkeypatch, name):
    monkeypatch.delenv("AEGIS_ENV")
    shutil.copytree(GOLDEN / name, tmp_path / "out")
    ended = aegis("export", "out", "--check", "--json")
    assert ended.exit == 0, ended.out
    found = ended.document
    assert (found["entries"], found["objects"], found["damaged"], found["opened"]) == (8, 2, 0, False)
    assert found["origin"] == "clinic-a.example/audit"


def test_its_members_are_those_of_the_page():
    page = (Path(__file__).parents[4] / "docs" / "reference" / "export.md").read_text()
    for line in (GOLDEN / "export_v1" / "objects.jsonl").read_text().splitlines():
        assert all(f"`{member}`" in page for member in json.loads(line))
    assert all(f"`{member}`" in page for member in json.loads((GOLDEN / "export_v1" / "export.json").read_text()))
