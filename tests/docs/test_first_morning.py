"""The guide's commands print what the guide says they print, but for what differs from run to run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

GUIDE = (ROOT / "docs" / "guides" / "first-morning.md").read_text()
#: Each console block as commands with what they print.
BLOCKS = [
    [(part.partition("\n")[0], part.partition("\n")[2]) for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    for block in re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
]
PYTHON = ".nox/demo/bin/python"

#: What differs: ids, times, sizes, how fast it was, and in what order.
DIFFERS = [
    (r"^\S+ -m aegis_core\.audit\.verifier", "python -m aegis_core.audit.verifier"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID"),
    (r"[0-9a-f]{16,}", "HEX"),
    (r"[0-9a-f]{8}…[0-9a-f]{4}", "ROOT"),
    (r"\b[A-Za-z0-9_-]{40,}", "SEALED"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
    (r"^Date: .*", "DATE"),
    (r'"size":\d+', "SIZE"),
    (r"\(it refused \d+ calls, the breaker opened \d+ times, work waited \d+ times\)", "WAITED"),
    (r"\d+\.\d s\b", "SECONDS"),
    (r"\d+ MB at the most", "MEMORY"),
    (r"\d+ files \(\d+\.\d MB\)", "SIZES"),
    (r"byte \d+ of (\S+?)/entries/\S+", r"byte of \1"),
    (r"^entry \d+ ", "entry "),
    (r"^\d+ entries", "entries"),
]
#: Of a run that was killed, only sums are known.
KILLED = [
    (r"^\d+ filed, sealed \(.*\)", "filed"),
    (r"^\d+ had been filed before", "before"),
    (r"^\d+ results sent to the lab, \d+ that it had before", "results"),
]


def lines(text, differs):
    found = []
    for line in text.splitlines():
        line = line.strip()
        if not re.match(r"(documents|letters) +\d+ of", line):
            for pattern, name in differs:
                line = re.sub(pattern, name, line)
            found.append(line)
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder in which the commands find the Python that the guide names, and the project."""
    folder = tmp_path_factory.mktemp("clone")
    python = folder / PYTHON
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def run(command, folder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    ended = subprocess.run(
        ["bash", "-c", command.replace("make demo", f"{PYTHON} -m examples.clinic")],
        cwd=folder, env=clean | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60,
    )  # fmt: skip
    return ended.stdout.decode()


def test_every_command_prints_what_the_guide_shows(clone):
    assert sum(len(block) for block in BLOCKS) >= 11
    for block in BLOCKS:
        for command, shown in block:
            printed = run(command, clone)
            if "kill -9" in command:
                continue  # how far it got is for the next command to show
            differs = DIFFERS + (KILLED if "killed" in command else [])
            got = "\n".join(lines(printed, differs))
            for stretch in re.split(r"^…\n", shown, flags=re.MULTILINE):
                assert "\n".join(lines(stretch, differs)) in got, f"$ {command}\n{printed}"
    killed = run(f"{PYTHON} -m examples.clinic --home .aegis/killed", clone)
    assert "44 had been filed before" in killed
    assert "0 results sent to the lab, 30 that it had before" in killed
    (tree,) = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    home, *places = (line.split()[0].removesuffix("…").rstrip("/") for line in tree.splitlines())
    assert [place for place in places if not (clone / home / place).exists()] == []
    shown = {place.partition("/")[0] for place in places}
    assert {path.name for path in Path(clone, home).iterdir()} == shown | {"tampered"}


def test_exit_codes_are_those_of_the_program():
    from examples.clinic.__main__ import arguments

    codes = r"0 all done; 1 .*? failed; 2 .*? settings; 3 .*? written; 75 try again"
    said = [re.search(codes, re.sub(r"\s+", " ", text))[0] for text in (GUIDE, arguments().epilog)]
    assert said[0] == said[1]
