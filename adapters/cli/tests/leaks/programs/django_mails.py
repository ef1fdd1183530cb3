import sys

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from aegis_core import install_logging


def latest(request: HttpRequest) -> HttpResponse:
    raise LookupError("no result")


urlpatterns = [path("latest", latest)]

settings.configure(
    # ADAPTER,
    SECRET_KEY="of tests",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    ADMINS=[("Ops", "ops@clinic.test")],
    EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend",
)
django.setup()
# FIX

if __name__ == "__main__":
    from django.test import Client

    Client(raise_request_exception=False).post("/latest", {"mrn": sys.argv[1]})
