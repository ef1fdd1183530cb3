"""A test that writes something of a patient fails, by whichever way it wrote it."""

import anyio
import pytest

from aegis_core.marks import PHI, Classified
from aegis_core.notifications.model import Rendered

pytest_plugins = ["pytester"]

HEAD = """
import base64, logging, sys, warnings
import attrs, pytest
from aegis_core import Mrn, PatientName

pytestmark = pytest.mark.usefixtures("assert_no_phi")

@attrs.frozen
class Patient:
    mrn: Mrn
    names: list[PatientName]
    ward: str = "4B"

"""


def outcome(pytester, body, *arguments):
    pytester.makepyfile(HEAD + body)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("print(phi_canary.patient['name'])", "stdout"),
        ("print(phi_canary.patient['mrn'], file=sys.stderr)", "stderr"),
        ("logging.getLogger('x').warning('%s', phi_canary.patient['email'])", "the log"),
        ("warnings.warn(phi_canary.patient['name'])", "a warning"),
        ("(tmp_path / 'a.bin').write_bytes(base64.b64encode(phi_canary.patient['name'].encode()))", "a.bin"),
        ("(tmp_path / phi_canary.patient['mrn']).mkdir()", "a file's name"),
    ],
)
def test_whatever_a_test_writes_of_the_canary_fails_it(pytester, line, place):
    result = outcome(pytester, f"def test_it(phi_canary, tmp_path):\n    {line}\n")
    result.assert_outcomes(failed=1, warnings=1 if "warn(" in line else 0)
    result.stdout.fnmatch_lines(["something of a patient was written:"])
    result.stdout.fnmatch_lines([f"* in *{place}*"])


def test_marked_values_of_an_object_are_searched_for_and_others_are_not(pytester):
    body = """
def test_writes(assert_no_phi):
    patient = Patient("HN-00042", ["Somchai Jaidee"])
    assert_no_phi(patient)
    print(patient.names[0].upper())

def test_writes_what_is_not_marked(assert_no_phi):
    patient = Patient("HN-00042", ["Somchai Jaidee"])
    assert_no_phi(patient)
    print(patient.ward)

def test_of_nothing(assert_no_phi):
    with pytest.raises(TypeError, match="nothing would be searched"):
        assert_no_phi("HN-00042")
"""
    result = outcome(pytester, body)
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["*Patient.names (raw) in stdout*"])


def test_a_test_that_writes_nothing_passes_and_its_warnings_are_shown_as_ever(pytester):
    body = """
def test_it(phi_canary, tmp_path):
    logging.getLogger("x").warning("admitted")
    (tmp_path / "a").write_text("4B")
    warnings.warn("old")

def test_expects():
    with pytest.warns(UserWarning, match="old"):
        warnings.warn("old")
"""
    outcome(pytester, body).assert_outcomes(passed=2, warnings=1)


def test_a_test_that_failed_says_both(pytester):
    result = outcome(pytester, "def test_it(phi_canary):\n    print(phi_canary.patient['mrn'])\n    assert 1 == 2\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*assert_no_phi*", "something of a patient was written:"])


def test_without_the_fixture_nothing_is_searched(pytester):
    pytester.makepyfile("def test_it(phi_canary):\n    print(phi_canary.patient['mrn'])\n")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ("print(phi_canary.patient['mrn'])", ["-s"]),
        ("subprocess.run(['cat'], input=phi_canary.patient['mrn'].encode(), stdout=open('elsewhere', 'wb'))", []),
        ("with pytest.raises(ValueError):\n        raise ValueError(phi_canary.patient['mrn'])", []),
        (
            "taken = request.getfixturevalue('capsys')\n    print(phi_canary.patient['mrn'])\n    taken.readouterr()",
            [],
        ),
    ],
    ids=["not-captured", "elsewhere", "expected", "taken"],
)
def test_what_the_guide_says_is_not_searched(pytester, body, arguments):
    outcome(
        pytester, f"import subprocess\ndef test_it(phi_canary, request):\n    {body}\n", *arguments
    ).assert_outcomes(passed=1)


def test_an_outbox_of_each_tests_own_keeps_what_it_is_given(outbox):
    message = Rendered(to=Classified("ward@clinic.example", PHI.EMAIL), subject="4B", text="is full")
    anyio.run(lambda: outbox.send(message, key="k1"))
    assert [(mail.address, mail.subject, mail.text) for mail in outbox.delivered] == [
        ("ward@clinic.example", "4B", "is full")
    ]


def test_the_next_test_has_another(outbox):
    assert (outbox.delivered, outbox.attempts) == ([], 0)
