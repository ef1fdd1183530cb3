"""The patients of a ward, by Django in one file. Its doors are open on purpose: see README.md beside it."""

# mypy: disable-error-code="var-annotated"
# Columns of Django take no annotation at run time.

import django
from django.conf import settings
from django.db import models
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    DEBUG=True,
    SECRET_KEY="of an example",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    ADMINS=[("Operations", "operations@clinic.example")],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    LOGGING={
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django.db.backends": {"level": "DEBUG", "handlers": ["console"]}},
    },
)
django.setup()


class Patient(models.Model):
    """A patient of the ward."""

    mrn = models.CharField(max_length=20, primary_key=True)
    family_name = models.CharField(max_length=80)
    birth_date = models.DateField()
    bed = models.IntegerField(default=0)

    class Meta:
        app_label = "ward"

    def __str__(self) -> str:
        return f"{self.family_name} in bed {self.bed}"


def bed(request: HttpRequest, mrn: str) -> JsonResponse:
    """Where a patient lies."""
    return JsonResponse({"bed": Patient.objects.get(mrn=mrn).bed})


urlpatterns = [path("patients/<str:mrn>/bed", bed)]
