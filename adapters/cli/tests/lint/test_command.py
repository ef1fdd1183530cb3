"""`aegis lint` as people and pre-commit call it."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aegis_cli.lint import lint, lint_text

ROOT = Path(__file__).parents[4]
LEAKS = 'import logging\nlogging.info(f"admitted {mrn}")\n'


def codes(source):
    return [remark.code for remark in lint_text("app.py", source)]


def test_a_remark_names_the_line_and_what_to_write_instead(aegis, tmp_path):
    (tmp_path / "app.py").write_text(LEAKS)
    ended = aegis("lint", "app.py")
    assert ended.exit == 1
    assert ended.out.splitlines() == [
        'app.py:2:1: AEG001 mrn is written into the message → log.info("admitted", mrn=mrn)',
        "1 remark on 3 lines of 1 file",
    ]


def test_clean_files_end_with_0(aegis, tmp_path):
    (tmp_path / "app.py").write_text('import logging\nlogging.info("admitted")\n')
    assert aegis("lint").exit == 0


def test_what_is_not_there_or_no_python_ends_with_2(aegis, tmp_path):
    assert aegis("lint", "nowhere.py").exit == 2
    (tmp_path / "app.py").write_text("def broken(:")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    ended = aegis("lint", "--json")
    assert ended.exit == 2
    assert ended.document["unreadable"] == ["app.py", "binary.py"]


def test_the_answer_for_machines(aegis, tmp_path):
    (tmp_path / "app.py").write_text(LEAKS)
    assert aegis("lint", "--json").document == {
        "files": 1,
        "lines": 3,
        "remarks": [
            {
                "file": "app.py",
                "line": 2,
                "column": 1,
                "rule": "AEG001",
                "says": "mrn is written into the message",
                "instead": 'log.info("admitted", mrn=mrn)',
            }
        ],
        "unreadable": [],
    }


@pytest.mark.parametrize(
    "comment", ["# aegis: ignore[AEG001] - of a made-up patient", "#aegis:ignore[AEG001, AEG002] – made up"]
)
def test_a_line_is_let_be_for_a_reason(comment):
    assert codes(f'logger.info(f"admitted {{mrn}}")  {comment}\n') == []


@pytest.mark.parametrize(
    "comment",
    [
        "# aegis: ignore[AEG001]",
        "# aegis: ignore - made up",
        "# aegis: ignore[AEG999] - made up",
        "# aegis: ignore[AEG001] - ",
    ],
)
def test_an_ignore_without_reason_or_rule_is_itself_a_remark(comment):
    assert codes(f'logger.info(f"admitted {{mrn}}")  {comment}\n') == ["AEG001", "AEG000"]


def test_an_ignore_in_a_text_is_none():
    assert codes('logger.info(f"admitted {mrn}", "# aegis: ignore[AEG001] - why not")\n') == ["AEG001"]


def test_a_field_that_is_marked_in_one_file_is_known_in_another(tmp_path):
    (tmp_path / "model.py").write_text(
        "from aegis_core import PHI\nclass Stay:\n    bunk: Annotated[str, PHI.ADDRESS]\n"
    )
    (tmp_path / "view.py").write_text('logger.info(f"moved to {bunk}")\nlogger.info(f"{vars(stay)}")\n')
    found = [(Path(remark.file).name, remark.code) for remark in lint([tmp_path]).remarks]
    assert found == [("view.py", "AEG001"), ("view.py", "AEG003")]
    assert not lint([tmp_path / "view.py"]).remarks


def test_one_expression_is_one_remark():
    assert codes('client.get("/patients/" + mrn + "/results/" + national_id)\n') == ["AEG005"]


def test_folders_of_tools_are_left_out(tmp_path):
    for folder in (".venv", "node_modules", "build", "src"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(LEAKS)
    assert [Path(remark.file).parent.name for remark in lint([tmp_path]).remarks] == ["src"]


def test_the_same_file_twice_is_one_file(tmp_path):
    (tmp_path / "app.py").write_text(LEAKS)
    assert lint([tmp_path / "app.py", tmp_path]).files == 1


def test_pre_commit_calls_the_hook_with_the_files_that_changed(tmp_path):
    hook = next(
        each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()) if each["id"] == "aegis-lint"
    )
    command = shlex.split(hook["entry"])
    assert command[0] == "aegis"
    (tmp_path / "clean.py").write_text("x = 1\n")
    (tmp_path / "leaks.py").write_text(LEAKS)
    (tmp_path / "unchanged.py").write_text(LEAKS)
    program = [str(Path(sys.executable).with_name("aegis")), *command[1:]]
    done = subprocess.run([*program, "clean.py", "leaks.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "leaks.py:2:1: AEG001" in done.stdout
    assert "unchanged" not in done.stdout
    assert subprocess.run([*program, "clean.py"], cwd=tmp_path, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "source", ["", "\n", "x = (", "\x00", "f(" * 200, "x = " + "1 + " * 5000 + "1", "é = 1", "\ufeffx = 1"]
)
def test_nothing_that_is_read_ends_the_program(tmp_path, source):
    (tmp_path / "app.py").write_text(source)
    lint([tmp_path])
