import sys

import django
import structlog
from django.conf import settings
from django.db import models

from aegis_core import PHI, mark, redact_event

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()


class Patient(models.Model):
    mrn = models.CharField(max_length=20, primary_key=True)

    class Meta:
        app_label = "ward"


# FIX
structlog.configure(processors=[redact_event, structlog.processors.JSONRenderer()])

if __name__ == "__main__":
    mrn = sys.argv[1]
    structlog.get_logger().info("admitted", mrn=mrn)
