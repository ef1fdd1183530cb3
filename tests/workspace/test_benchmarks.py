"""The benchmark runner tells a missed target from a crash."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from benchmarks.__main__ import amount, table
from benchmarks.rows import Row, best_of, best_of_async, interleaved
from tests.architecture.tree import ROOT

AREAS = {
    "kept": "yield Row('kept', 'half', ours=1.0, limit=2.0, target=0.6)",
    "missed": "yield Row('missed', 'double', ours=2.0, limit=1.0, target=1.5)",
    "crashed": "yield 1 / 0",
}


@pytest.fixture
def runner(tmp_path):
    """The runner alone, with areas whose figures are known."""
    (tmp_path / "benchmarks").mkdir()
    for name in ("__init__.py", "__main__.py", "rows.py"):
        shutil.copy(ROOT / "benchmarks" / name, tmp_path / "benchmarks")
    for area, line in AREAS.items():
        file = tmp_path / "benchmarks" / f"bench_{area}.py"
        file.write_text(f"from benchmarks.rows import Row\n\ndef rows(quick):\n    {line}\n")

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_kept_targets_exit_0(runner, tmp_path):
    ended = runner("kept", "--json", str(tmp_path / "rows.json"))
    assert ended.returncode == 0, ended.stderr
    assert "1 targets, 0 missed" in ended.stdout
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert (row["ratio"], row["is_kept"]) == (0.5, True)


def test_a_missed_target_exits_3_and_is_named(runner):
    ended = runner("kept", "missed")
    assert ended.returncode == 3
    assert "MISS" in next(line for line in ended.stdout.splitlines() if line.startswith("double"))


def test_a_crash_exits_1_and_the_other_areas_are_still_measured(runner):
    ended = runner()
    assert ended.returncode == 1
    assert "crashed: crashed" in ended.stdout
    assert "ZeroDivisionError" in ended.stderr
    assert "half" in ended.stdout


def test_an_unknown_area_is_a_usage_error(runner):
    ended = runner("nothing")
    assert ended.returncode == 2
    assert "crashed, kept, missed" in ended.stderr


@pytest.mark.parametrize(
    ("better", "ours", "kept"),
    [("lower", 1.0, True), ("lower", 1.01, False), ("higher", 1.0, True), ("higher", 0.99, False)],
)
def test_a_target_is_a_bound_in_the_direction_that_the_row_names(better, ours, kept):
    assert Row("area", "name", ours=ours, limit=1.0, target=1.0, better=better).is_kept is kept


def test_a_row_without_a_limit_is_held_to_the_figure_itself():
    row = Row("area", "name", ours=7.0, target=6.0, unit="MiB")
    assert row.ratio == 7.0
    assert not row.is_kept


def test_a_row_without_a_target_only_informs():
    row = Row("area", "name", ours=7.0, limit=1.0)
    assert row.is_kept
    assert "ok" not in table([row])


@pytest.mark.parametrize(
    ("seconds", "shown"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-6, "4.2 µs"), (3.1e-8, "31 ns")]
)
def test_durations_are_shown_in_a_unit_that_fits(seconds, shown):
    assert amount(seconds, "s") == shown


def test_the_smallest_round_counts_and_the_first_only_warms_up():
    ticks = iter([0, 1, 10, 15, 20, 23, 30, 34])  # rounds of 1 (warming up), 5, 3 and 4 seconds
    calls = []
    spent = best_of(lambda: calls.append(1), number=2, repeat=3, timer=lambda: next(ticks))
    assert spent == 1.5
    assert len(calls) == 8


def test_what_is_compared_is_measured_in_turns():
    order = []
    interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, number=1, repeat=2)
    assert order == ["a", "b"] * 3


@pytest.mark.anyio
async def test_what_is_awaited_is_measured_alike():
    ticks = iter([0, 9, 10, 14, 20, 22])
    calls = []

    async def work():
        calls.append(1)

    assert await best_of_async(work, number=2, repeat=2, timer=lambda: next(ticks)) == 1.0
    assert len(calls) == 6
