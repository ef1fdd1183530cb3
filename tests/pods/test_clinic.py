"""The clinic's whole morning, under the same limits: the same summary, and nothing written elsewhere."""

import re
import subprocess
import sys

import attrs

from tests.pods.pod import ROOT

MORNING = ["-m", "examples.clinic", "--outage", "0"]


def sections(text):
    """The parts of the summary that hold neither time, nor chance, nor places."""
    counts = text[text.index("\ninput\n") : text.index("\nwhere\n")]
    return counts, re.search(r"\d+ entries", text).group(), "0 hits" in text, ": intact" in text


def test_a_morning_in_the_pod_is_a_morning_outside(pod, service, tmp_path):
    outside = subprocess.run(
        [sys.executable, *MORNING, "--home", tmp_path / "home"],
        capture_output=True, text=True, check=True, cwd=ROOT, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    environ = {name: service.environ[name] for name in ("AEGIS_ENV", "AEGIS_ORIGIN", "AEGIS_KEYS")}
    assert environ["AEGIS_ENV"] == "production"
    clinic = attrs.evolve(service, environ=environ)
    command = ["python", *MORNING, "--home", "/var/lib/records/clinic"]
    inside = pod.run(clinic, command)
    assert inside.code == 0, inside.log
    assert sections(inside.log) == sections(outside.stdout)
    assert sections(inside.log)[2:] == (True, True)
    again = pod.run(clinic, command)
    assert again.code == 0
    assert "44 had been filed before" in again.log
    elsewhere = pod.run(service.without("/var/lib/records"), command)
    assert elsewhere.code not in {0, 75}
