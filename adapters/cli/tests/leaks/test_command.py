"""`aegis leaks` as people call it."""

import json
import sys
from pathlib import Path

import pytest

from aegis_cli.leaks import NotImportable, State, inspect_application
from aegis_cli.leaks.application import Application
from aegis_cli.leaks.child import look
from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Door

OPEN = """\
from dataclasses import dataclass
from aegis_core import Mrn

@dataclass
class Patient:
    mrn: Mrn
"""

CLOSED = """\
import logging
from dataclasses import dataclass
from aegis_core import Mrn, guarded, install_excepthook, install_logging

install_logging()
install_excepthook()
logging.captureWarnings(True)

@guarded
@dataclass
class Patient:
    mrn: Mrn
"""


@pytest.fixture
def project(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_toml", ".toml")
            path = path if path.suffix else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_an_application_with_open_doors_ends_with_1_and_says_the_line_that_closes_each(aegis, project):
    project(app=OPEN)
    ended = aegis("leaks", "app")
    assert ended.exit == 1
    lines = [line.split() for line in ended.out.splitlines()]
    row = next(index for index, words in enumerate(lines) if words[0] == "classes.repr")
    assert lines[row][-1] == "open"
    assert lines[row + 1] == ["Patient", "(app.py:4)", "→", "@guarded"]
    assert "doors are open" in ended.out


def test_an_application_whose_doors_are_closed_ends_with_0(aegis, project):
    project(app=CLOSED)
    ended = aegis("leaks", "app")
    assert ended.exit == 0, ended.out
    assert "0 of" in ended.out


def test_the_answer_for_machines_has_every_door_with_its_state(aegis, project):
    project(app=OPEN)
    ended = aegis("leaks", "app", "--json")
    assert ended.exit == 1
    doors = {door["door"]: door for door in ended.document["doors"]}
    assert set(doors) == {door.id for door in DOORS}
    assert doors["celery.headers"]["state"] == "not used"
    assert doors["classes.repr"] == {
        "door": "classes.repr",
        "state": "open",
        "leaks": "marked fields in repr(), so in logs and tracebacks",
        "reason": "",
        "openings": [{"where": "Patient", "fix": "@guarded", "file": "app.py", "line": 4}],
    }
    assert ended.document["marks"] == {"fields": 1, "classes": 1}


def test_a_line_that_closes_several_doors_is_told_with_them(aegis, project):
    project(app="from celery import Celery\napp = Celery('clinic', backend='cache+memory://')\n")
    lines = {line["line"]: line for line in aegis("leaks", "app", "--json").document["lines"]}
    assert lines["install_excepthook()"] == {
        "line": "install_excepthook()",
        "distribution": "aegis-health-core",
        "doors": ["python.uncaught", "python.uncaught-in-threads", "python.unraisable"],
    }
    celery = lines["aegis_celery.install(app, aegis)"]
    assert celery["distribution"] == "aegis-health-celery"
    assert set(celery["doors"]) == {"celery.headers", "celery.return-values", "celery.failures", "celery.results"}
    shown = aegis("leaks", "app").out
    assert "4 of them are closed by aegis_celery.install(app, aegis)  (pip install aegis-health-celery)" in shown


def test_doors_that_lead_farthest_come_first(aegis, project):
    project(app="from fastapi import FastAPI\napp = FastAPI(debug=True)\n")
    first = [line.split()[0] for line in aegis("leaks", "app").out.splitlines() if " open" in line]
    assert first.index("starlette.debug") < first.index("logging.unredacted")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_this_name", "there is no module 'nothing_of_this_name'"),
        ("raise ValueError('MRN-7Q4X')", "ValueError while it is imported"),
        ("raise SystemExit(3)", "it ends the program while it is imported"),
        ("def broken(:", "SyntaxError while it is imported (app.py:1)"),
        ("import os\nos.environ['CLINIC_KEY']", "the environment variable CLINIC_KEY is not set"),
        (
            "import pydantic\nclass Options(pydantic.BaseModel):\n    mrn: int\n    key: str\nOptions(mrn='MRN-7Q4X')",
            "ValidationError while it is imported (app.py:5): key missing",
        ),
        ("import os\nos._exit(7)", "ended with 7 and said nothing"),
        (
            "import socket\nsocket.create_server(('127.0.0.1', 51999))",
            "it starts a server while it is imported",
        ),
    ],
)
def test_what_can_t_be_imported_is_one_clear_line_without_values(aegis, project, source, said):
    project(app=source)
    ended = aegis("leaks", "app")
    assert ended.exit == 2
    assert said in ended.err.replace(f"{Path.cwd()}/", "")
    assert len(ended.err.splitlines()) == 1
    assert "MRN-7Q4X" not in ended.err + ended.out
    assert "Traceback" not in ended.err


def test_what_an_import_prints_is_not_shown(aegis, project):
    project(app="print('MRN-7Q4X')\nimport sys\nsys.stderr.write('MRN-7Q4X')")
    ended = aegis("leaks", "app")
    assert "MRN-7Q4X" not in ended.out + ended.err


@pytest.mark.parametrize(
    "target", ["clinic.app", "clinic.app:app", "clinic/app.py", "clinic/app.py:app", "clinic.app:make()"]
)
def test_a_target_is_named_as_servers_take_it(project, target):
    folder = project(clinic____init__="", clinic__app=f"{OPEN}\napp = object()\ndef make():\n    return Patient('x')")
    report = inspect_application(target, here=folder)
    assert report.marked_fields == 1
    assert next(each for each in report.findings if each.door == "classes.repr").state is State.OPEN


def test_a_name_that_the_module_does_not_have_is_said(project):
    with pytest.raises(NotImportable, match="app has no nothing"):
        inspect_application("app:nothing", here=project(app=OPEN))


@pytest.mark.parametrize("target", ["", ":app", " "])
def test_who_names_nothing_is_told_what_to_name(project, target):
    with pytest.raises(NotImportable, match="name a module or a file"):
        inspect_application(target, here=project(app=OPEN))


SET_UP = """\
import sentry_sdk
import structlog
from celery import Celery
from django.conf import settings
from fastapi import FastAPI
from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from sqlalchemy import create_engine

api = FastAPI()
site = Flask(__name__)
queue = Celery("clinic")
engine: object = create_engine("sqlite://")
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
sentry_sdk.init("http://key@127.0.0.1:9/1")
structlog.configure()
settings.configure(DEBUG=True)
"""


def test_what_is_set_up_is_found_in_its_file_and_line_from_where_the_command_stands(project):
    folder = project(services__clinic=SET_UP)
    report = inspect_application("services/clinic.py", here=folder)
    places = {each.door: (each.openings[0].file, each.openings[0].line) for each in report.open}
    lines = {
        "fastapi.validation": 11, "flask.paths": 12, "celery.headers": 13, "sqlalchemy.parameters": 14,
        "opentelemetry.attributes": 15, "sentry.locals": 17, "structlog.unredacted": 18, "django.debug": 19,
    }  # fmt: skip
    assert {door: places[door] for door in lines} == {door: ("services/clinic.py", at) for door, at in lines.items()}


def test_a_call_is_found_under_the_name_that_it_was_imported_by(project):
    folder = project(app="from sentry_sdk import init as watch\n\nwatch('http://key@127.0.0.1:9/1')\n")
    found = next(each for each in inspect_application("app", here=folder).open if each.door == "sentry.locals")
    assert (found.openings[0].file, found.openings[0].line) == ("app.py", 3)


def test_a_factory_s_application_is_looked_at(project):
    folder = project(app="from fastapi import FastAPI\ndef make():\n    return FastAPI(debug=True)")
    report = inspect_application("app:make()", here=folder)
    assert next(each for each in report.findings if each.door == "starlette.debug").state is State.OPEN


def test_a_settings_module_of_django_is_set_up(project):
    folder = project(
        site____init__="",
        site__settings="DEBUG = True\nSECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.contenttypes']",
    )
    (folder / "site").rename(folder / "wards")
    report = inspect_application("wards.settings", here=folder)
    assert next(each for each in report.findings if each.door == "django.debug").state is State.OPEN


def test_a_module_of_a_django_project_is_imported_in_it(project, monkeypatch):
    folder = project(
        wards____init__="",
        wards__settings="SECRET_KEY = 'x'\nINSTALLED_APPS = ['wards']",
        wards__models="from django.db import models\nclass Patient(models.Model):\n    mrn = models.TextField()",
        wards__views="from wards.models import Patient",
    )
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "wards.settings")
    report = inspect_application("wards.views", here=folder)
    unmarked = next(each for each in report.findings if each.door == "classes.unmarked")
    assert [(each.where, each.fix) for each in unmarked.openings] == [("Patient.mrn", "mark(Patient, mrn=PHI.MRN)")]


def test_a_field_that_holds_an_object_of_the_application_wants_no_mark(project):
    source = """
from dataclasses import dataclass
from enum import Enum

class Sender: ...

class Diagnosis(Enum):
    A = "a"

@dataclass
class Parts:
    email: Sender | None
    diagnosis: Diagnosis
"""
    report = inspect_application("app", here=project(app=source))
    unmarked = next(each for each in report.findings if each.door == "classes.unmarked")
    assert [each.where for each in unmarked.openings] == ["Parts.diagnosis"]


def test_a_class_of_ours_is_none_of_the_application_s():
    """In a checkout the core lies under the folder that a target is imported from."""
    root = Path(__file__).parents[4]
    report = inspect_application("examples/clinic", here=root)
    files = {each.file for finding in report.findings for each in finding.openings}
    assert not [file for file in files if file.startswith(("aegis_core", "adapters"))]


def test_a_logger_that_the_application_does_not_use_is_not_used(project):
    """Sentry loads loguru wherever it is installed."""
    sentry = "import sentry_sdk\nsentry_sdk.init('http://key@127.0.0.1:9/1')"
    project(quiet=sentry, loud="from loguru import logger\nlog = logger.bind(ward='4B')\ndel logger")
    states = {}
    for name in ("quiet", "loud"):
        report = inspect_application(name)
        states[name] = {each.state for each in report.findings if each.door.startswith("loguru.")}
    assert states == {"quiet": {State.NOT_USED}, "loud": {State.OPEN}}


def test_a_lazy_module_is_not_woken(project):
    source = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("heavy", __file__.replace("app.py", "heavy.py"))
loader = importlib.util.LazyLoader(spec.loader)
sys.modules["heavy"] = heavy = importlib.util.module_from_spec(spec)
loader.exec_module(heavy)
"""
    folder = project(app=source, heavy="open('woken', 'w')")
    inspect_application("app", here=folder)
    assert not (folder / "woken").exists()


def test_a_door_may_stay_open_for_a_reason(aegis, project):
    project(app=OPEN, pyproject_toml='[tool.aegis.leaks.ignore]\n"classes.repr" = "shown to the patient alone"\n')
    door = next(each for each in aegis("leaks", "app", "--json").document["doors"] if each["door"] == "classes.repr")
    assert (door["state"], door["reason"]) == ("ignored", "shown to the patient alone")
    assert "shown to the patient alone" in aegis("leaks", "app").out


def test_one_place_of_a_door_may_stay_open(aegis, project):
    project(app=f"{OPEN}\n@dataclass\nclass Order:\n    mrn: Mrn\n")
    document = aegis("leaks", "app", "--json", "--ignore", "classes.repr:Order").document
    door = next(each for each in document["doors"] if each["door"] == "classes.repr")
    assert [each["where"] for each in door["openings"]] == ["Patient"]


def test_an_ignore_without_a_reason_or_of_no_door_is_refused(aegis, project):
    project(app=OPEN, pyproject_toml='[tool.aegis.leaks]\nignore = ["classes.repr"]\n')
    ended = aegis("leaks", "app")
    assert (ended.exit, "why it may stay open" in ended.err) == (2, True)
    project(pyproject_toml="")
    ended = aegis("leaks", "app", "--ignore", "classes.rep")
    assert (ended.exit, "did you mean classes.repr?" in ended.err) == (2, True)


def test_what_is_found_is_no_library_that_we_loaded(project):
    """Looking loads no library that the application has not loaded."""
    report = inspect_application("app", here=project(app=""))
    used = {finding.door.partition(".")[0] for finding in report.used}
    assert used <= {"logging", "python", "http-client", "smtplib", "classes", "code"}


def test_a_door_that_can_t_be_looked_at_is_no_closed_one():
    def broken(application):
        raise KeyError("MRN-7Q4X")

    found = look(Door("x.y", (), "values", "the fix", broken), Application(Path.cwd(), sys.modules[__name__]))
    assert found.state is State.OPEN
    assert "KeyError" in found.openings[0].where
    assert "MRN-7Q4X" not in repr(found)


@pytest.mark.parametrize("name", ["results_api", "ward_site", "reminders"])
def test_the_sample_applications_have_open_doors(name):
    folder = Path(__file__).parents[4] / "examples" / "leaky"
    report = inspect_application(f"{name}.py", here=folder)
    assert len(report.open) >= 8
    assert not any("could not be looked at" in each.where for found in report.findings for each in found.openings)


def test_the_doors_have_names_of_their_own():
    assert len({door.id for door in DOORS}) == len(DOORS) >= 40
    json.dumps([door.id for door in DOORS])
