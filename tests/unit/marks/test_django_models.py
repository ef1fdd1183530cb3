"""Django models are read from annotations, from `mark`, and from an attribute of a field, without a query."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.architecture.tree import ROOT

# Django is set up once a process; this one may have another Django in it.
PROGRAM = """
import json
from typing import Annotated

import django
from django.conf import settings

settings.configure(DATABASES={}, INSTALLED_APPS=[])  # no database: a query would fail
django.setup()
from django.db import models

from aegis_core.marks import PHI, Redaction, guarded, mark, marks_of
from aegis_core.marks.names import LEARNED

VALUE = "Somchai-0042"


class Person(models.Model):
    name: Annotated["models.CharField", PHI.NAME] = models.CharField(max_length=40, db_column="nm_dj")
    note = models.TextField()
    note.data_class = PHI.NOTE
    ward = models.CharField(max_length=4)

    class Meta:
        app_label = "clinic"

    def __str__(self):
        return self.name


class Stay(models.Model):
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    bed = models.IntegerField()

    class Meta:
        app_label = "clinic"


class Unmarked(models.Model):
    ward = models.CharField(max_length=4)

    class Meta:
        app_label = "clinic"


mark(Stay, person=PHI.UNIQUE_ID)


def written(value):
    return Redaction().value(None, value)


person = Person(id=1, name=VALUE, note=VALUE, ward="4B")
before = {
    "marks": {name: str(found) for name, found in marks_of(Person).items()},
    "person": written(person),
    "learned": [str(LEARNED.get(name)) for name in ("nm_dj", "personId")],
    "stay": written(Stay(person_id=VALUE, bed=4)),
    "deferred": written(Person.from_db("default", ["id", "ward"], [1, "4B"])),
    "related": written(Stay(person=person, bed=4)),
    "unmarked": written(Unmarked(ward="4B")),
}
guarded(Person)
print(json.dumps({**before, "shown": [repr(person), str(person), f"{person}"]}))
"""


@pytest.fixture(scope="module")
def seen() -> Any:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_model_is_read_from_annotations_and_fields(seen):
    assert seen["marks"] == {"id": "None", "name": "phi.name", "note": "phi.note", "ward": "None"}
    assert seen["person"] == {"id": 1, "name": "[phi.name]", "note": "[phi.note]", "ward": "4B"}


def test_a_mark_on_a_foreign_key_holds_for_what_the_instance_keeps_of_it(seen):
    assert seen["stay"] == {"id": None, "person_id": "[phi.unique_id]", "bed": 4}
    assert seen["learned"] == ["phi.name", "phi.unique_id"]


def test_deferred_fields_and_relations_are_not_loaded(seen):
    assert seen["deferred"] == {"id": 1, "ward": "4B"}
    assert seen["related"] == {"id": None, "person_id": "[phi.unique_id]", "bed": 4}


def test_a_model_without_marks_is_unknown(seen):
    assert seen["unmarked"] == "[Unmarked]"


def test_a_guarded_model_shows_nothing(seen):
    assert set(seen["shown"]) == {"Person(id=1, name=[phi.name], note=[phi.note], ward='4B')"}
