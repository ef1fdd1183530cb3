"""The published examples of FHIR R4: the whole folder, through the clinic."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.clinic.fhir import read_input
from tests.architecture.tree import ROOT

FOLDER = Path(os.environ.get("AEGIS_VECTORS", "/nonexistent")) / "fhir-r4-examples"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="AEGIS_VECTORS names no folder with fhir-r4-examples")


def number(pattern, text):
    return int(re.search(pattern, text)[1])


def test_nothing_of_them_is_refused_and_all_is_counted():
    intake = read_input(FOLDER)
    assert intake.refusals == []
    assert intake.without_id == 0
    assert len(intake.patients) >= 40
    assert len(intake.documents) >= 150
    assert {document.kind for document in intake.documents} == {
        "Attachment", "Binary", "DiagnosticReport", "DocumentReference", "Observation"
    }  # fmt: skip
    assert all(document.content for document in intake.documents)
    assert intake.others["Practitioner"] >= 14
    assert intake.without_subject > 0


def test_the_clinic_files_them_all_in_time_and_memory_and_leaks_nothing(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "examples.clinic", str(FOLDER), "--home", str(tmp_path / "home")],
        cwd=ROOT, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout
    documents = number(r"(\d+) documents of", said)
    assert number(r"(\d+) filed, sealed", said) == number(r"(\d+) read back", said) == documents
    assert number(r"(\d+) results sent", said) == number(r"(\d+) Observation", said)
    assert number(r"(\d+) letters", said) == number(r"documents of (\d+) patients", said)
    assert number(r"(\d+) unreachable", said) + number(r"\((\d+) accepted", said) == number(r"(\d+) letters", said)
    assert "0 hits" in said
    assert "NOT INTACT" not in said
    assert number(r"(\d+) entries, root", said) >= 2 * documents
    assert seconds < 10 or os.getloadavg()[0] > os.cpu_count(), f"{seconds:.1f} s"
    assert number(r"s, (\d+) MB at the most", said) < 150
