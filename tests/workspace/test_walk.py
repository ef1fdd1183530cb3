"""A walk runs what a page shows, beside what that page says to install, and nothing of this environment's."""

import os
import site

import pytest

from tests.architecture.tree import ROOT
from tools.guides import program_of, sections_of, with_what_it_builds_on
from tools.walk import Step, Walk, Wheels, every_walk, is_as_shown, main, run

PAGE = """# A page

`pip install not-of-a-section`.

## The first line

`pip install one "two[all]"`, and a newcomer copies:

```python
import json

def write(thing):
    other = thing
    print(json.dumps(other))

thing = {"a": 1, "b": 2}
write(thing)
```

```json
{"b": 2, "a": 1}
```

## Nobody's

```python
other = 7
print(other)
```

## The last

    pip install three  # and this is a remark

```python
write([thing, sorted(thing)])
```

```py
print("a program of its own")
```
"""


@pytest.fixture
def page():
    return sections_of(PAGE)


def test_a_section_has_a_name_what_it_says_to_install_and_its_blocks(page):
    assert [section.name for section in page] == ["the-first-line", "nobodys", "the-last"]
    assert [section.installs for section in page] == [("one", "two[all]"), (), ("three",)]
    assert [[block.kind for block in section.blocks] for section in page] == [
        ["python", "json"],
        ["python"],
        ["python", "py"],
    ]


def test_a_section_builds_on_those_whose_names_it_uses_and_on_no_other(page):
    first, nobodys, last = page
    assert with_what_it_builds_on(last, page) == (first, last)
    assert with_what_it_builds_on(nobodys, page) == (nobodys,)  # a function's own name is nobody else's
    assert "a program of its own" not in program_of([last])


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ('{"a": 1, "b": 2}\n', '{"b": 2, "a": 1}', True),
        ('{"a": 1, "b": 2}\n', '{"b": 2, "a": 2}', False),
        ("[12:01] ERROR\n  File x\n  File y\nLookupError\n", "[…] ERROR\n…\nLookupError\n", True),
        ("[12:01] ERROR\n  File x\nKeyError\n", "[…] ERROR\n…\nLookupError\n", False),
        ("a.b\n", "a.b\n", True),
        ("{'no': 'JSON'}\n", "{'no': 'JSON'}", True),
        ("aXb\n", "a.b\n", False),
        ("a warning\na.b\n", "a.b\n", False),
    ],
)
def test_what_is_printed_is_what_is_shown(printed, shown, same):
    assert is_as_shown(printed, shown) is same


def test_nothing_of_this_environment_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), *site.getsitepackages()]))
    wheels = Wheels({}, tmp_path / "constraints.txt")
    for name in ("attrs", "aegis_core", "tools"):
        walk = Walk("alone", (), {"program.py": f"import {name}"}, (Step(("python", "-I", "program.py"), ""),))
        outcome = run(walk, wheels)
        assert f"ModuleNotFoundError: No module named '{name}'" in outcome.problem
        assert outcome.packages == 0


def test_ours_is_installed_from_the_wheel_also_with_an_extra(tmp_path):
    wheels = Wheels({"aegis-health-postgres": "file:///x.whl"}, tmp_path)
    assert wheels.of("aegis-health-postgres") == "aegis-health-postgres @ file:///x.whl"
    assert wheels.of("aegis-health-postgres[binary]") == "aegis-health-postgres[binary] @ file:///x.whl"
    assert wheels.of("celery[redis]") == "celery[redis]"


def test_every_page_has_its_walks():
    walks = every_walk()
    for walk in walks:
        assert any(name.startswith("aegis-health-") for name in walk.installs), walk.name
    names = [walk.name.partition("/") for walk in walks]
    adapters = {file.parent.name for file in ROOT.glob("adapters/[!_]*/pyproject.toml")}
    assert {name for page, _, name in names if page == "readme"} == {"core"} | adapters - {"cli"}
    assert {name for page, _, name in names if page == "leaks"} == {
        file.stem for file in ROOT.glob("examples/leaky/*.py")
    }
    assert len([page for page, _, _ in names if page == "ten-lines"]) >= 12


def test_a_word_that_no_walk_is_called_by_is_a_usage_error(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["walk", "nothing"])
    assert main() == 2
    assert "ten-lines/fastapi" in capsys.readouterr().err
