"""``manage.py check`` says everything that is wrong, and no value."""

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from aegis_core import PHI, Purpose
from aegis_django.marking import mark_table

SECRET = "s3cr3t-of-tests"


def told():
    return {(message.id, message.msg) for message in run_checks() if (message.id or "").startswith("aegis_django")}


def test_this_project_is_fine():
    assert told() == set()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"PURPOS": 1, "PURPOSE": Purpose.TREATMENT}, 'AEGIS["PURPOS"]: is no setting'),
        ({"PURPOSE": "clinic.nowhere.purpose"}, 'AEGIS["PURPOSE"]: must be the dotted path of a function'),
        ({"PURPOSE": Purpose.TREATMENT, "PRINCIPAL": 7}, 'AEGIS["PRINCIPAL"]: must be the dotted path of a function'),
        ({"PURPOSE": Purpose.TREATMENT, "TRUSTED": "yes"}, 'AEGIS["TRUSTED"]: must be True or False'),
        ({"PURPOSE": Purpose.TREATMENT, "ONLY": ["audti"]}, 'AEGIS["ONLY"]: must be a list of log, keys'),
        ({"PURPOSE": Purpose.TREATMENT, "ONLY": "audit"}, 'AEGIS["ONLY"]: must be a list of log, keys'),
        ({"PURPOSE": Purpose.TREATMENT, "MARKS": {"a.B": "x"}}, 'AEGIS["MARKS"]["a.B"]: must map names of fields'),
        ({"PURPOSE": Purpose.TREATMENT, "VARIABLES": {"X": SECRET}}, 'AEGIS["VARIABLES"]: must map names'),
        ({"PURPOSE": Purpose.TREATMENT, "VARIABLES": {"AEGIS_AUDIT": SECRET}}, "AEGIS_AUDIT: must be a URL"),
        ({"PURPOSE": Purpose.TREATMENT, "VARIABLES": {"AEGIS_KEY": SECRET}}, "AEGIS_KEY: is no setting of Aegis"),
        ([], "AEGIS: must be a dictionary"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(given, expected):
    with override_settings(AEGIS=given):
        found = told()
    assert any(name.startswith("aegis_django.E") and message.startswith(expected) for name, message in found), found
    assert SECRET not in str(found)


def test_debug_has_no_place_in_production(monkeypatch):
    monkeypatch.setenv("AEGIS_ENV", "production")
    with override_settings(DEBUG=True):
        assert ("aegis_django.E001", "DEBUG: must be False in production") in told()
    assert not any("DEBUG" in message for _, message in told())


def test_nobody_on_record_is_told():
    with override_settings(AEGIS={}):
        assert ("aegis_django.E002", "No purpose is set: nobody is on record.") in told()
    with override_settings(MIDDLEWARE=settings.MIDDLEWARE[1:]):
        assert {name for name, _ in told()} == {"aegis_django.W001"}
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE[1:], settings.MIDDLEWARE[0]]):
        assert {name for name, _ in told()} == {"aegis_django.W002"}
    with override_settings(MIDDLEWARE=settings.MIDDLEWARE[:1]):
        assert {name for name, _ in told()} == {"aegis_django.W003"}
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        assert {name for name, _ in told()} == {"aegis_django.W004"}


def test_marks_of_no_model_and_of_no_field_are_told():
    problems = mark_table({"clinic.Leter": {"body": PHI.NOTE}, "clinic.Letter": {"bodi": PHI.NOTE}})
    assert [(problem.setting, problem.hint) for problem in problems] == [
        ('AEGIS["MARKS"]["clinic.Leter"]', "did you mean clinic.Letter?"),
        ('AEGIS["MARKS"]["clinic.Letter"]["bodi"]', "did you mean body?"),
    ]


def test_the_environment_wins_over_the_settings(monkeypatch, tmp_path):
    from aegis_core.blocking import PerProcess
    from aegis_django import services

    given = {"PURPOSE": Purpose.TREATMENT, "VARIABLES": {"AEGIS_AUDIT": "file:.aegis/of-the-settings"}}
    for expected in ("of-the-settings", "of-the-environment"):
        if expected == "of-the-environment":
            monkeypatch.setenv("AEGIS_AUDIT", f"file:.aegis/{expected}")
        with override_settings(AEGIS=given):
            own = PerProcess(services.make())
        assert own.audit.verify().intact
        own.close()
        assert (tmp_path / ".aegis" / expected).exists()


def an_own():
    from aegis_core import Aegis

    return Aegis(only=["log"])


def test_an_aegis_of_your_own_is_made_by_your_function(monkeypatch):
    from clinic import views

    from aegis_core.blocking import PerProcess
    from aegis_django import services

    monkeypatch.setattr(views, "an_own", an_own, raising=False)
    with override_settings(AEGIS={"PURPOSE": Purpose.TREATMENT, "MAKE": "clinic.views.an_own"}):
        own = PerProcess(services.make())
        assert told() == set()
    own.log.info("made")
    own.close()
