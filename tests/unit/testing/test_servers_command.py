"""``python -m aegis_core.testing.servers``: which servers there are, and one to work with until Ctrl-C."""

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from aegis_core.testing.servers import __main__ as command
from aegis_core.testing.servers.catalogue import CATALOGUE
from tests.architecture.tree import ROOT


@pytest.fixture
def said():
    lines = []

    def write(text):
        lines.append(text)

    write.text = lambda: "".join(lines)
    return write


def test_list_names_every_server_and_what_a_missing_one_needs(said, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    assert command.list_servers(said) == 0
    lines = said.text().splitlines()
    assert [line.split()[0] for line in lines] == list(CATALOGUE)
    assert "azurite    missing  needs Node.js" in lines
    assert f"smtp       ready    aiosmtpd {version('aiosmtpd')} · aiosmtpd (package index)" in lines
    for line, server in zip(lines, CATALOGUE.values(), strict=True):
        assert not server.missing() or server.product() not in line
        assert server.missing() or server.product() in line


def test_up_says_where_it_answers_stays_until_the_waiting_ends_and_leaves_nothing(said):
    seen = {}

    def wait():
        folder = Path(next(line for line in said.text().splitlines() if "folder: " in line).split()[1])
        seen["folder"] = folder
        assert folder.exists()
        raise KeyboardInterrupt

    assert command.up(["smtp"], said, wait) == 0
    assert "smtp: smtp://127.0.0.1:" in said.text()
    assert f"  maildir: {seen['folder']}/mail" in said.text()
    assert not seen["folder"].exists()


@pytest.mark.parametrize(
    ("name", "answer"), [("postgress", "did you mean postgres?"), ("azurite", "azurite: needs Node.js")]
)
def test_up_refuses_what_is_unknown_or_missing(said, monkeypatch, name, answer):
    monkeypatch.setenv("PATH", "")
    assert command.up([name], said, lambda: None) == 2
    assert answer in said.text()


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_the_command_ends_cleanly_when_it_is_told_to(word):
    # To the whole group, as a terminal does it.
    started = subprocess.Popen(
        [sys.executable, "-m", "aegis_core.testing.servers", "up", "smtp"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    lines = []
    while not lines or "Ctrl-C" not in lines[-1]:
        lines.append(started.stdout.readline())
        assert lines[-1], started.stderr.read()
    folder = Path(next(line for line in lines if "folder: " in line).split()[1])
    os.killpg(started.pid, word)
    _, err = started.communicate(timeout=30)
    assert (started.returncode, err) == (0, "")
    assert not folder.exists()
