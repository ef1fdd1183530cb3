"""Runs a program in a folder of its own, and looks afterwards at what it left: all of the trail, and no patient."""

import json
import os
import subprocess
import sys

import pytest

from aegis_core import Aegis
from tests.architecture.tree import ROOT

#: What every program begins with. `PATIENT` is the canary's.
HEAD = """
import json, os, sys, threading
from typing import Annotated, ClassVar

import anyio
import attrs

from aegis_core import PHI, Aegis, AegisError, AuditEvent, ErrorCode, Mrn, Principal, Purpose, acting, guarded

PATIENT = json.loads(os.environ["PATIENT"])
WHO = Principal("dr-malee", verified_by="test")

@attrs.frozen(kw_only=True)
class Filed(AuditEvent):
    action: ClassVar[str] = "report.filed"
    label: str
    name: Annotated[str, PHI.NAME] = PATIENT["name"]

def treating():
    return acting(WHO, purpose=Purpose.TREATMENT, subject=PATIENT["mrn"])
"""


class Workplace:
    """A folder in which programs run on local defaults."""

    def __init__(self, folder, canary):
        self.folder = folder
        self.canary = canary
        self.environment = {
            "PYTHONPATH": str(ROOT),
            "AEGIS_ENV": "test",
            "AEGIS_LOG": "jsonl:lines.jsonl",
            "PATIENT": json.dumps(dict(canary.patient)),
        }

    def run(self, program):
        """Run it to its end; what it printed, a list of lines."""
        script = self.folder.parent / "program.py"
        script.write_text(HEAD + program)
        ended = subprocess.run(
            [sys.executable, "-P", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout.splitlines()

    def labels(self):
        """What was filed, sorted, once the trail is verified and the patient is in no file."""
        self.canary.assert_absent(self.folder)
        with Aegis().blocking() as aegis:
            labels = sorted(entry.data["label"] for entry in aegis.audit.entries() if entry.action == "report.filed")
            assert aegis.audit.verify().intact
        return labels

    def lines(self):
        """The log, whole lines."""
        return [json.loads(line) for line in (self.folder / "lines.jsonl").read_text().splitlines()]


@pytest.fixture
def workplace(tmp_path, monkeypatch, phi_canary):
    folder = tmp_path / "place"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("AEGIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.setenv("AEGIS_LOG", "jsonl:lines.jsonl")
    monkeypatch.chdir(folder)
    return Workplace(folder, phi_canary)
