"""What every command has in common: help, JSON, exit codes, one clear line; no traceback, no value, no colour."""

import ast
import contextlib
import errno
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_cli import main
from aegis_cli.exits import Exit, ending, failure_of, gravest
from aegis_cli.main import COMMANDS, make_app
from aegis_cli.output import Output, plain
from aegis_core import AegisError, ErrorCode, Problem, SettingsError

PROGRAM = [sys.executable, "-c", "from aegis_cli.main import main; main()"]


def every_command(app=None, before=()):
    app = make_app() if app is None else app
    yield before
    for name in app:
        if not name.startswith("-"):
            yield from every_command(app[name], (*before, name))


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_command_has_help(command, aegis):
    ended = aegis(*command, "--help")
    assert (ended.exit, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: aegis {' '.join(command)}".rstrip())
    assert max(map(len, ended.out.splitlines())) <= 120


def test_help_imports_no_command_and_not_the_core():
    program = (
        "import sys; from aegis_cli.main import run; run(['--help']);"
        "loaded = sorted(name for name in sys.modules if name.startswith(('aegis_core', 'aegis_cli', 'cryptography')));"
        "print(loaded, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "doctor" in ended.stdout
    for module in ("aegis_cli.doctor", "aegis_cli.keys", "aegis_core.app", "aegis_core.crypto", "cryptography"):
        assert f"'{module}'" not in ended.stderr


def test_a_place_that_names_no_command_would_be_found():
    for name in COMMANDS:
        assert make_app()[name] is not None


@pytest.mark.parametrize("arguments", [["nope"], ["doctor", "--nope"], ["doctor", "--deadline", "hunter2-secret"]])
def test_a_wrong_call_is_usage_in_one_line(arguments, aegis):
    ended = aegis(*arguments)
    assert ended.exit == Exit.USAGE
    assert ended.out == ""
    assert ended.err.startswith("aegis: ")
    assert ended.err.count("\n") == 1
    assert "hunter2-secret" not in ended.err


def test_with_json_an_error_is_a_document_and_still_a_line(aegis):
    ended = aegis("keys", "list", "--json")
    assert ended.exit == Exit.FAILED
    assert ended.document["error"]["code"] == "not_found"
    assert ended.document["exit"] == 1
    assert ended.err.startswith("aegis: not_found")
    assert "AEGIS_STATE names file:.aegis/audit" in ended.err


def test_json_behind_two_dashes_is_no_option(aegis):
    assert aegis("nope", "--", "--json").out == ""


CODES = [
    (AegisError(ErrorCode.INTEGRITY, "x"), Exit.INTEGRITY),
    (AegisError(ErrorCode.INVALID_ARGUMENT, "x"), Exit.USAGE),
    (AegisError(ErrorCode.UNAVAILABLE, "x"), Exit.TRY_AGAIN),
    (AegisError(ErrorCode.UNAVAILABLE, "x", retryable=False), Exit.FAILED),
    (AegisError(ErrorCode.DEADLINE_EXCEEDED, "x"), Exit.TRY_AGAIN),
    (AegisError(ErrorCode.NOT_FOUND, "x"), Exit.FAILED),
    (AegisError(ErrorCode.PERMISSION_DENIED, "x"), Exit.FAILED),
    (SettingsError([Problem("AEGIS_X", "is wrong")]), Exit.USAGE),
    (KeyboardInterrupt(), Exit.INTERRUPTED),
    (OSError(errno.ENOSPC, "no", "/srv/somchai"), Exit.FAILED),
    (ValueError("somchai"), Exit.FAILED),
    (ExceptionGroup("many", [AegisError(ErrorCode.UNAVAILABLE, "x"), AegisError(ErrorCode.INTEGRITY, "y")]), 3),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: repr(value)[:40])
def test_every_error_has_one_exit_code_and_tells_no_value_of_a_stranger(error, code):
    told = []

    def work():
        raise error

    assert ending(work, told.append) == code
    assert "somchai" not in repr(told)
    assert "\n" not in told[0].message


def test_an_error_that_is_none_of_ours_says_where_it_comes_from_and_not_what_it_holds():
    def work():
        raise KeyError("somchai")

    told = []
    ending(work, told.append)
    assert "KeyError at test_answering.py:" in told[0].message
    assert "fingerprint" in told[0].message


@given(st.lists(st.sampled_from([Exit.OK, Exit.FAILED, Exit.USAGE, Exit.INTEGRITY, Exit.TRY_AGAIN]), max_size=6))
def test_integrity_outweighs_all_and_trying_again_is_said_of_nothing_else_alone(codes):
    worst = gravest(codes)
    assert (worst is Exit.INTEGRITY) == (Exit.INTEGRITY in codes)
    assert (worst is Exit.OK) == (not set(codes) - {Exit.OK})
    assert (worst is Exit.TRY_AGAIN) == (set(codes) - {Exit.OK} == {Exit.TRY_AGAIN})


@given(st.text(max_size=40))
def test_no_text_from_elsewhere_drives_the_terminal(text):
    shown = plain(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_markup_in_a_text_is_a_text(capfd):
    Output().show(plain("[red]no[/red] :smile:"))
    assert capfd.readouterr().out == "[red]no[/red] :smile:\n"


def test_a_line_in_a_pipe_is_never_wrapped(capfd):
    Output().show("x" * 500)
    assert capfd.readouterr().out == "x" * 500 + "\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("more", "colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_for_terminals_that_want_it(more, colours, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **more}
    process = subprocess.Popen(
        [*PROGRAM, "doctor"], stdout=theirs, stderr=subprocess.DEVNULL, env=environment, cwd=tmp_path
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    assert (b"\x1b[32m" in written) is colours


def test_a_reader_that_has_gone_is_no_traceback(tmp_path):
    process = subprocess.Popen(
        [*PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == Exit.BROKEN_PIPE


def test_completion_is_installed_for_a_shell(tmp_path, monkeypatch, aegis):
    monkeypatch.setenv("SHELL", "/bin/bash")
    ended = aegis("--install-completion", "--shell", "bash")
    assert ended.exit == 0, ended.err
    scripts = [path for path in Path(tmp_path).rglob("*") if path.is_file() and b"doctor" in path.read_bytes()]
    assert scripts


def test_the_version_is_that_of_the_distribution(aegis):
    from importlib.metadata import version

    assert aegis("--version").out.strip() == version("aegis-health-cli")


def test_progress_shows_on_a_terminal_alone(capfd):
    with Output().progress("working") as at:
        at(1, 2)
    assert capfd.readouterr() == ("", "")


def test_a_record_is_one_line_of_json(capfd):
    out = Output(as_json=True)
    out.record({"name": "สมชาย\n"})
    out.show("not shown")
    written = capfd.readouterr().out
    assert written.count("\n") == 1
    assert json.loads(written) == {"name": "สมชาย\n"}


@given(st.text(max_size=40))
def test_a_record_drives_no_terminal_and_loses_nothing(text):
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        Output(as_json=True).record({text: [text]})
    line = written.getvalue()
    assert line.removesuffix("\n").isprintable()
    assert json.loads(line) == {text: [text]}


def test_a_failure_of_a_group_names_its_gravest_member():
    group = ExceptionGroup("x", [AegisError(ErrorCode.UNAVAILABLE, "one"), AegisError(ErrorCode.NOT_FOUND, "two")])
    assert "two" in failure_of(group).message
    assert main.run(["--version"]) == 0


def test_the_command_leans_on_the_cores_public_doors_alone():
    sources = Path(main.__file__).parent.rglob("*.py")
    modules = {
        node.module
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aegis_core")
    }
    assert "aegis_core.survey" in modules
    core = Path(importlib.util.find_spec("aegis_core").origin).parent
    inner = {name for name in modules if name.count(".") > 1}
    rooms = {name for name in modules if name.count(".") == 1 and (core / name.rpartition(".")[2]).is_dir()}
    assert inner == set()
    assert modules - rooms <= {"aegis_core", "aegis_core.survey", "aegis_core.ports"}
