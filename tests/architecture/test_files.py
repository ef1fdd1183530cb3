"""What a file of this repository may be called, how long it may grow, and words that have no place in it."""

import re

import pytest

from tests.architecture.tree import ROOT, committed

LONGEST = 500
NAMES_THAT_SAY_NOTHING = {"utils.py", "helpers.py", "common.py", "base.py", "manager.py", "misc.py", "util.py"}
#: Written with a gap, so that this file does not hold what it looks for.
REGISTRIES = [
    host.replace(" ", "")
    for host in (
        "py pi.org",
        "python hosted.org",
        "registry. npmjs",
        "registry. yarnpkg",
        "proxy. golang",
        "static. crates.io",
        "ruby gems.org",
    )
]
SOMEBODYS_MACHINE = [
    word.replace("~", "")
    for word in (r"(?<![\w.\-])/w~ork/", r"/h~ome/\w", r"/r~oot/\w", r"/opt/p~ypi", r"issues s~how", r"/tmp/b~rief")
]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".cfg", ".ini", ".sh", ".html", ""}

FILES = [file for file in committed() if file.suffix in TEXT]


def test_git_lists_this_very_file():
    assert ROOT / "README.md" in FILES
    assert len(FILES) > 50


@pytest.mark.parametrize("word", [*map(re.escape, REGISTRIES), *SOMEBODYS_MACHINE], ids=lambda word: word[-8:])
def test_no_file_names_a_registry_or_somebodys_machine(word):
    pattern = re.compile(word)
    found = [str(file.relative_to(ROOT)) for file in FILES if pattern.search(file.read_text(errors="replace"))]
    assert found == []


def test_a_folder_outside_the_repository_is_known_to_ci_alone():
    outside = "../~shared".replace("~", "")
    found = [str(file.relative_to(ROOT)) for file in FILES if outside in file.read_text(errors="replace")]
    assert found in ([], [".ci/run"])


def test_no_module_is_longer_than_its_idea():
    long = {
        str(file.relative_to(ROOT)): lines
        for file in FILES
        if file.suffix == ".py"
        and "tests" not in file.relative_to(ROOT).parts
        and (lines := file.read_text().count("\n")) > LONGEST
    }
    assert long == {}


def test_every_module_is_named_after_an_idea():
    assert [file for file in FILES if file.name in NAMES_THAT_SAY_NOTHING] == []
