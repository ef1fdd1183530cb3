"""The example prints no name, number or result of a person, and what it prints is what the marks made of it."""

import json
import os
import subprocess
import sys

from tests.architecture.tree import ROOT


def run(*arguments):
    command = [sys.executable, ROOT / "examples" / "marks.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()], ended.stdout


def test_its_own_bundle_is_printed_without_anybody_in_it():
    events, text = run()
    assert [event["resource"]["resourceType"] for event in events] == ["Patient", "Observation"]
    assert [word for word in ("Somchai", "Jaidee", "48201", "reader-17", "1961-04", "13.2") if word in text] == []
    assert events[0]["resource"]["name"][0]["family"] == "[phi.name]"


def test_a_file_and_a_folder_are_read_alike(tmp_path):
    patient = {"resourceType": "Patient", "id": "x", "name": [{"family": "Wattanasiri"}]}
    (tmp_path / "patient.json").write_text(json.dumps(patient))
    events, text = run(tmp_path / "patient.json")
    assert run(tmp_path)[0] == events
    assert "Wattanasiri" not in text
    assert events[0]["resource"]["name"][0]["family"] == "[phi.name]"
