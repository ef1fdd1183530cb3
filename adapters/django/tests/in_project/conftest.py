"""The project is set up, its database made, and everything of Aegis lies in a folder of the test."""

import asyncio
import atexit
import os
import tempfile

import django
import pytest

# Before Django reads anything: what opens later lies here.
_home = tempfile.TemporaryDirectory()
atexit.register(_home.cleanup)
os.chdir(_home.name)
os.environ.setdefault("CLINIC_DATABASE", f"{_home.name}/clinic.sqlite3")  # of all threads
if "CLINIC_POSTGRES_PORT" in os.environ:  # keys outlive a test, as the database does
    os.environ["AEGIS_KEYS"] = f"file:{_home.name}/keys"
    os.environ["AEGIS_SUBJECT_KEYS"] = f"sqlite:{_home.name}/subject-keys.db"
django.setup()

from clinic import lines  # noqa: E402
from clinic.models import Patient  # noqa: E402
from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from aegis_django import aegis  # noqa: E402

apps.get_app_config("aegis_django").undo_logging()  # pytest's own handlers are not meant, see `redacted_logging`
setup_test_environment(debug=os.environ.get("CLINIC_DEBUG") == "1")


@pytest.fixture(scope="session", autouse=True)
def database():
    call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch, database):
    from django.contrib.auth.models import User

    monkeypatch.chdir(tmp_path)
    lines.KEPT.clear()
    yield
    aegis.close()
    Patient.objects.all().delete()
    User.objects.all().delete()


@pytest.fixture(autouse=True)
def redacted_logging(own_home):
    """What `ready` has done, of which pytest must not keep anything."""
    from aegis_core import install_logging

    undo = install_logging()
    yield
    undo()


@pytest.fixture
def kept():
    return lambda: "\n".join(lines.KEPT)


@pytest.fixture
def nurse():
    from django.contrib.auth.models import User

    return User.objects.create_user("nurse", password="of tests")


@pytest.fixture
def loop():
    """Runs a coroutine function to its end."""
    return asyncio.run
