"""Run the clinic as its users do: by its command line."""

import itertools
import json
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import attrs
import pytest

from examples.clinic import __main__ as clinic
from examples.on_servers.services import SERVERS, set_up


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


# ---------------------------------------------------------------------------------------------------------- servers

_NUMBERS = itertools.count()


@pytest.fixture
def servers(aegis_server):
    """The run's own PostgreSQL, SeaweedFS, mail server and OpenBao; one that a test left dead is back."""
    running = {name: aegis_server(kind) for name, kind in SERVERS.items()}
    yield running
    for server in running.values():
        server.start()


@pytest.fixture
def place(servers, monkeypatch):
    """A clinic's places that no other test has. Variables of vendors lead there; those of Aegis the test sets."""
    place = set_up(servers, f"clinic{os.getpid()}x{next(_NUMBERS)}")
    for folder in ("new", "cur"):
        for mail in Path(servers["smtp"].endpoint.facts["maildir"], folder).glob("*"):
            mail.unlink()
    for name in [name for name in os.environ if name.startswith(("AWS_", "BAO_", "VAULT_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in place.environ.items():
        if not name.startswith("AEGIS_"):
            monkeypatch.setenv(name, value)
    return place


@pytest.fixture
def lead(place, monkeypatch):
    """Set variables of Aegis: every one, or those that are named, changed by ``more``."""

    def lead(*names, **more):
        for name, value in {**place.environ, **more}.items():
            if (name in names or name in more or not names) and name.startswith("AEGIS_"):
                monkeypatch.setenv(name, value)

    return lead


@pytest.fixture(scope="session")
def local_summary(tmp_path_factory):
    """What a morning on this machine ends with."""
    with redirect_stdout(StringIO()) as said:
        assert clinic.main(["--home", str(tmp_path_factory.mktemp("local")), "--outage", "0"]) == 0
    return said.getvalue()
