"""What the Django project is asked for: its one model, its form and its views."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import connection, models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import aegis_django
from aegis_django import marked
from tests.corpus.apps.serving import carry, dealt
from tests.corpus.case import IS_BARE, Case
from tests.corpus.classes import FIELDS
from tests.corpus.lines import LINES
from tests.corpus.logs import events, log
from tests.corpus.outside import OUTSIDE
from tests.corpus.wires import NO_ROUTE


class Patient(models.Model):
    """A row for each case, with a column for each kind of value."""

    locals().update({name: marked(models.CharField(max_length=200, null=True), of) for name, of in FIELDS.items()})
    token = marked(models.CharField(max_length=200, unique=True, null=True), FIELDS["national_id"])

    class Meta:
        app_label = "clinic"

    def __str__(self) -> str:
        return f"Patient({ {name: getattr(self, name) for name in FIELDS} })"

    __repr__ = __str__


class Admission(forms.Form):
    """Says in its errors what was chosen."""

    locals().update({name: forms.ChoiceField(choices=[], required=False) for name in FIELDS})


class Tampered(SuspiciousOperation):
    """Of the application's own."""


def _patient(case: Case) -> Patient:
    return Patient(**{case.kind: case.value})


def _with_parameter(case: Case) -> None:
    list(Patient.objects.filter(**{case.kind: case.value}))


def _with_literal(case: Case) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 WHERE 'x' = '{case.value}'")


def _twice(case: Case) -> None:
    with transaction.atomic():
        for _ in range(2):
            Patient.objects.create(token=case.value)


def _from_nowhere(case: Case) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT 1 FROM "{case.value}"')


def _raises(error: type[Exception]) -> Callable[[Case], None]:
    def carry(case: Case) -> None:
        raise error(f"no bed for {case.value}")

    return carry


OWN: Final[dict[str, Callable[[Case], None]]] = {
    "marked: Django model in an event": lambda case: events.info("admitted", patient=_patient(case)),
    "marked: Django model as %s": lambda case: log.info("admitted %s", _patient(case)),
    "raised: IntegrityError": _twice,
    "raised: OperationalError": _from_nowhere,
    "raised: BadRequest": _raises(BadRequest),
    "raised: SuspiciousOperation": _raises(Tampered),
}
if settings.DEBUG:
    OWN |= {"raised: Http404": _raises(Http404), "sql: parameter": _with_parameter, "sql: literal": _with_literal}
#: A form reads the keys that it knows. Pages of DEBUG are about errors; lines are those of the other project.
WITHOUT: Final = ["body: key that is refused"]
if settings.DEBUG:
    WITHOUT += [*LINES, *OUTSIDE, "url: path", "url: path of no route", "url: query", "header: Referer"]
CASES = dealt(*OWN, *((NO_ROUTE,) if settings.DEBUG else ()), without=WITHOUT)

Path("../clinic.sqlite3").unlink(missing_ok=True)
with connection.schema_editor() as editor:
    editor.create_model(Patient)
connection.close()


def carried(request: HttpRequest, number: str) -> HttpResponse:
    case = CASES[number]
    OWN.get(case.carrier, carry)(case)
    return HttpResponse()


def found(request: HttpRequest, patient: str = "") -> HttpResponse:
    return HttpResponse()


@csrf_exempt
def fails(request: HttpRequest, patient: str) -> HttpResponse:
    body = request.body
    raise LookupError("no such patient") if patient or body else AssertionError


@csrf_exempt
def admit(request: HttpRequest) -> HttpResponse:
    form = Admission({name: str(value) for name, value in json.loads(request.body).items()})
    if form.is_valid():
        return HttpResponse()
    return HttpResponse(form.errors.as_json(), status=422) if IS_BARE else aegis_django.refused(form)


urlpatterns = [
    path("cases/<str:number>", carried),
    path("patients/<path:patient>", found),
    path("find", found),
    path("fails/<path:patient>", fails),
    path("admit", admit),
]
