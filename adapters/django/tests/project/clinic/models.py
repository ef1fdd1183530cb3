from uuid import uuid4

from django.db import models

from aegis_core import PHI, PII, SECRET
from aegis_django import SealedField, TokenField, marked


class Person(models.Model):
    name = marked(models.CharField(max_length=100), PHI.NAME)

    class Meta:
        abstract = True

    def __str__(self):
        return self.name


class Patient(Person):
    mrn = marked(models.CharField(max_length=20, unique=True), PHI.MRN)
    ward = models.CharField(max_length=4, choices=[("4B", "4B"), ("5A", "5A")])


class Letter(models.Model):
    """Somebody else's: its marks stand in the settings."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE)
    body = models.TextField()
    kind = models.CharField(max_length=10, default="referral")

    def __str__(self):
        return self.body


def digits(value):
    return value.replace("-", "")


class Chart(models.Model):
    """What is sealed of a patient."""

    mrn = marked(models.CharField(max_length=20), PHI.MRN)
    national_id = SealedField(PII.NATIONAL_ID, subject="mrn", token="national_id_token", null=True, blank=True)
    national_id_token = TokenField(digits)
    phone = SealedField(PHI.PHONE, subject="mrn", null=True, blank=True, editable=True, max_length=20)
    email_token = TokenField()  # before its field
    email = SealedField(PHI.EMAIL, subject="mrn", token="email_token", null=True)
    ward = models.CharField(max_length=4, default="4B")

    def __str__(self):
        return self.mrn


class SameChart(Chart):
    class Meta:
        proxy = True


class LongChart(Chart):
    pages = models.IntegerField(default=1)


class Entry(models.Model):
    """Bound to its row, too."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    chart = models.ForeignKey(Chart, on_delete=models.CASCADE)
    body = SealedField(PHI.NOTE, subject="chart", row="id")

    def __str__(self):
        return str(self.pk)


class Laboratory(models.Model):
    """Nobody's."""

    password = SealedField(SECRET.PASSWORD)

    def __str__(self):
        return str(self.pk)
