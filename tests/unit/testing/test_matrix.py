"""The capability matrix tells what the kits saw: nothing more, nothing else, and the same whatever the order."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.testing.matrix import __main__ as program
from aegis_core.testing.matrix.page import render
from aegis_core.testing.matrix.records import Instead, Ran, Records, as_line

pytest_plugins = ["pytester"]

FLAGS = {"erases": True, "shared": False, "largest": None}


def ran(case, outcome, **other):
    record = Ran(
        "thing/1", case, ["plain", "needing", "refusing"].index(case), f"A {case} promise.", "disk", "", "", "trio"
    )
    needs = {"needing": {"needs": "erases"}, "refusing": {"without": "shared"}}.get(case, {})
    return attrs.evolve(record, outcome=outcome, **{"declared": FLAGS, **needs, **other})


def cell(text, row, column=1):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row} |")]
    return line.strip("| ").split(" | ")[column]


def made(*records):
    return render(Records(records))


@pytest.mark.parametrize(
    ("records", "row", "word"),
    [
        ([ran("needing", "passed")], "`erases`", "native"),
        ([ran("needing", "passed", emulated={"erases": "two calls"})], "`erases`", "emulated"),
        ([ran("needing", "failed")], "`erases`", "**not kept**"),
        ([ran("needing", "passed"), ran("needing", "failed", backend="asyncio")], "`erases`", "**not kept**"),
        ([ran("needing", "skipped")], "`erases`", "not checked"),
        ([ran("plain", "passed")], "`erases`", "not checked"),
        ([ran("plain", "passed", shows="erases", kit="other/1"), ran("plain", "passed")], "`erases`", "native"),
        ([ran("refusing", "passed")], "`shared`", "refused"),
        ([ran("refusing", "failed")], "`shared`", "**not kept**"),
        ([ran("plain", "passed")], "`shared`", "not declared"),
        ([ran("plain", "passed", declared={"largest": 8_388_608})], "`largest`", "not checked (8,388,608)"),
        ([ran("plain", "passed")], "A plain promise.", "kept"),
        ([ran("plain", "failed")], "A plain promise.", "**not kept**"),
        ([ran("plain", "planned"), ran("needing", "passed")], "A plain promise.", "not checked"),
        ([ran("plain", "passed"), ran("plain", "skipped", backend="asyncio")], "A plain promise.", "kept on trio"),
        ([ran("needing", "skipped", declared={"erases": False})], "A needing promise.", "–"),
        ([ran("needing", "skipped")], "A needing promise.", "not checked"),
        ([ran("needing", "skipped", needs="crashes")], "A needing promise.", "not checked"),
    ],
)
def test_each_cell_is_what_the_cases_saw(records, row, word):
    text = made(*records)
    if any(record.kit == "other/1" for record in records):
        text = text.partition("## thing/1")[2]
    assert cell(text, row) == word


@given(st.data())
def test_the_order_in_which_processes_wrote_changes_nothing(data):
    outcomes = st.sampled_from(["passed", "failed", "skipped"])
    records = [
        ran(case, data.draw(outcomes), adapter=adapter, backend=backend, server=server)
        for case in ("plain", "needing", "refusing")
        for adapter, server in (("disk", ""), ("remote", "Server 1"), ("another", ""))
        for backend in ("trio", "asyncio")
    ]
    text = made(*records)
    assert made(*data.draw(st.permutations(records))) == text
    assert "| | another | disk | remote · Server 1 |" in text


def test_what_a_server_does_not_check_is_said_with_the_test_that_does():
    instead = [Instead("lenient", "age", "tests/test_it.py::test_it_is_young", way, "passed") for way in "ab"]
    gaps = {"lenient": ("Lenient 2", {"age": "how old a request is", "form": "its form"})}
    text = render(Records([ran("plain", "passed")], instead), gaps)
    assert "| Lenient 2 | how old a request is | `tests/test_it`: it is young |" in text
    assert "| Lenient 2 | its form | not checked |" in text
    failed = [attrs.evolve(instead[0], outcome="failed"), instead[1]]
    assert "it is young (**failed**) |" in render(Records([ran("plain", "passed")], failed), gaps)
    planned = [attrs.evolve(instead[0], outcome="planned")]
    assert "it is young (did not run) |" in render(Records([ran("plain", "passed")], planned), gaps)


@pytest.fixture
def folder(tmp_path):
    """What two processes left: both planned all, each ran some."""
    plan = [ran("plain", "planned", declared={}), ran("needing", "planned", declared={})]
    for name, did in (("1", ran("plain", "passed")), ("2", ran("needing", "passed"))):
        (tmp_path / f"{name}.jsonl").write_text("".join(map(as_line, [*plan, did])))
    return tmp_path


def test_a_page_that_is_no_longer_true_is_shown_and_fails(folder, tmp_path, capsys):
    kept = tmp_path / "page.md"
    assert program.main([str(folder), "--compare", str(kept)]) == 1
    assert program.main([str(folder), "--write", str(kept)]) == 0
    assert program.main([str(folder), "--compare", str(kept)]) == 0
    capsys.readouterr()
    kept.write_text(kept.read_text().replace("native", "emulated"))
    assert program.main([str(folder), "--compare", str(kept)]) == 1
    assert "-| `erases` | emulated |" in capsys.readouterr().out


def test_a_partial_run_compares_nothing_and_writes_nothing(folder, tmp_path, capsys):
    kept = tmp_path / "page.md"
    (folder / "2.jsonl").unlink()
    assert program.main([str(folder), "--write", str(kept)]) == 1
    assert not kept.exists()
    kept.write_text("another page")
    assert program.main([str(folder), "--compare", str(kept)]) == 0
    assert "is not compared: thing/1 on disk did not run" in capsys.readouterr().out


def test_a_folder_without_records_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        program.main([str(tmp_path)])
    assert caught.value.code == 2
    (tmp_path / "1.jsonl").write_text('{"neither": 1}\n')
    with pytest.raises(SystemExit) as caught:
        program.main([str(tmp_path)])
    assert caught.value.code == 2


PROGRAM = """
import pytest
from contextlib import asynccontextmanager
from aegis_core.kernel.state import StateCapabilities
from aegis_core.testing.kit import Kit, NotChecked, Subject, pytest_cases

kit = Kit("thing/1", StateCapabilities)

class Harness:
    capabilities = StateCapabilities(erases=True)

@kit.case
async def one(h):
    '''One.'''

@kit.case(needs="erases")
async def two(h):
    '''Two.'''
    raise NotChecked("there is no way to look")

@kit.case
async def three(h):
    '''Three.'''
    assert False

@asynccontextmanager
async def harness():
    yield Harness()

@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param

@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(kit, {"a": harness, "model": harness}, {"a": Subject("mine")}))
async def test_it(check):
    await check()

@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(kit, {"b": harness}, {"b": Subject("b", emulated={"multi_host": "?"})}))
async def test_a_lie(check):
    await check()

@pytest.mark.instead_of("moto", "age")
def test_ours():
    pass
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_run_notes_what_became_of_each_case(pytester, workers):
    pytester.makepyfile(PROGRAM)
    options = ["-p", "aegis_core.testing.plugin", "--aegis-records=records", "-p", "no:cacheprovider", *workers]
    pytester.runpytest_subprocess(*options, "-k", "not trio or not a-one")
    records = Records.read(pytester.path / "records")
    outcomes = {
        (each.adapter, each.case, each.backend): each.outcome for each in records.ran if each.outcome != "planned"
    }
    of_mine = {name: outcome for name, outcome in outcomes.items() if name[0] == "mine"}
    assert of_mine == {
        ("mine", "one", "asyncio"): "passed",
        **{("mine", "two", backend): "skipped" for backend in ("asyncio", "trio")},
        **{("mine", "three", backend): "failed" for backend in ("asyncio", "trio")},
    }
    # What is called emulated and not declared fails, whatever the case.
    assert {outcome for name, outcome in outcomes.items() if name[0] == "b"} == {"failed"}
    assert {each.adapter for each in records.ran} == {"mine", "b"}
    assert records.missing() == ["thing/1 on mine"]
    assert {each.outcome for each in records.instead} == {"planned", "passed"}
    declared = [each.declared for each in records.ran if each.adapter == "mine" and each.outcome == "passed"]
    assert declared == [{"erases": True, "multi_host": False}]
