import sys

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path


def latest(request: HttpRequest) -> HttpResponse:
    mrn = sys.argv[1]
    raise LookupError(f"no result of {len(mrn)} letters")


urlpatterns = [path("latest", latest)]

settings.configure(
    # ADAPTER,
    DEBUG=True,  # OPEN
    # FIX,
    SECRET_KEY="of tests",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    LOGGING_CONFIG=None,
)
django.setup()

if __name__ == "__main__":
    from django.test import Client

    print(Client(raise_request_exception=False).get("/latest").content.decode())
