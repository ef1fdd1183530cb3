"""The applications of the README and of the guide, as they stand there, each in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
GUIDE = README.parent.parent.parent / "docs" / "guides" / "ten-lines.md"

#: What a project has besides.
PROJECT = """
from settings import *

SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "of tests", ["testserver"], "urls", True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "clinic.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING = {"version": 1, "disable_existing_loggers": False,
           "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
           "root": {"handlers": ["out"]}}
"""
PROGRAM = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from aegis_django import aegis
from wards.models import Patient

call_command("migrate", run_syncdb=True, verbosity=0)
call_command("check", fail_level="WARNING")
Patient.objects.create(mrn="HN-00042", name="Somchai Jaidee", ward="4B")
nurse = User.objects.create_user("nurse")
client = Client()
client.force_login(nurse)
answer = client.put("/discharge/1", b"%PDF-1.7 ...")
assert answer.json() == {"key": "letters/1.pdf"}, answer.content
again = client.put("/discharge/1", b"%PDF-1.7 ...")
assert (again.status_code, again.json()["code"]) == (409, "already_exists")
entries = list(aegis.audit.entries())
assert [entry.action for entry in entries][:2] == ["storage.written", "patient.discharged"], entries
assert {entry.who for entry in entries} == {str(nurse.pk)}
"""


def test_the_readmes_application_discharges_a_patient_and_tells_nobody(tmp_path):
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert [name for name, _ in blocks] == ["settings.py", "wards/models.py", "wards/views.py"]
    (tmp_path / "wards").mkdir()
    (tmp_path / "wards" / "__init__.py").touch()
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    (tmp_path / "project.py").write_text(PROJECT)
    (tmp_path / "urls.py").write_text(
        "from django.urls import path\nfrom wards import views\n"
        "urlpatterns = [path('discharge/<int:number>', views.discharge)]\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**kept, "AEGIS_ENV": "test", "DJANGO_SETTINGS_MODULE": "project", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    shown = re.search(r"# (\{'id': 1, .*\})$", README.read_text(), re.MULTILINE)
    assert shown is not None
    assert f"discharged {shown[1]}" in ended.stdout
    assert "Conflict: discharge/<int:number> (request " in ended.stdout
    assert "Somchai" not in ended.stdout
    assert "HN-00042" not in ended.stdout + ended.stderr


def test_the_guides_project_writes_what_the_guide_shows(tmp_path):
    section = GUIDE.read_text().split("\n## Django\n")[1].split("\n## ")[0]
    (program,) = re.findall(r"^```py\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, shown)
