from django.db import models

from aegis_core import PHI
from aegis_django import marked


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
