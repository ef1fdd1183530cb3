"""Run the clinic as its users do: by its command line."""

import json
import os

import attrs
import pytest

from examples.clinic import __main__ as clinic


@attrs.frozen
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AEGIS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def run(tmp_path, capsys):
    """Run it in this process; the home is ``tmp_path / "home"`` and the lab is always there."""

    def run(*arguments, home=tmp_path / "home", outage="0"):
        try:
            code = clinic.main([*map(str, arguments), "--home", str(home), "--outage", outage])
        except SystemExit as left:  # argparse
            code = int(left.code)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


PATIENT = {
    "resourceType": "Patient",
    "id": "p-1",
    "name": [{"family": "Wattanasiri", "given": ["Nongnuch"]}],
    "telecom": [{"system": "email", "value": "box-1@mail.example"}],
}


def observation(identity="o-1", patient="p-1", **more):
    return {
        "resourceType": "Observation",
        "id": identity,
        "subject": {"reference": f"Patient/{patient}"},
        "valueString": "negative",
        **more,
    }


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


@pytest.fixture
def folder(tmp_path):
    """A folder with one good bundle of a patient and a result; further files are written by name."""
    path = tmp_path / "input"
    path.mkdir()
    (path / "good.json").write_text(json.dumps(bundle(PATIENT, observation())))
    return path
