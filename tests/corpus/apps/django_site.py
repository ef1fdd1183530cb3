"""Django under gunicorn, or with DEBUG under uvicorn; with mails to ADMINS about errors."""

import logging
import os
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.utils.log import AdminEmailHandler

from tests.corpus.case import IS_BARE
from tests.corpus.logs import set_up

settings.configure(
    DEBUG=os.environ["CORPUS_APP"] == "django-debug",
    SECRET_KEY="of tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="tests.corpus.apps.django_views",
    INSTALLED_APPS=[] if IS_BARE else ["aegis_django"],
    MIDDLEWARE=[] if IS_BARE else ["aegis_django.middleware.AegisMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "../clinic.sqlite3"}},
    USE_TZ=True,
    ADMINS=[("ops", "ops@clinic.example")],
    EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
    EMAIL_FILE_PATH="mails",
    LOGGING_CONFIG=None,
)
set_up(Path.cwd())
logging.getLogger("django.db.backends").setLevel(logging.DEBUG)
if not settings.DEBUG:
    logging.getLogger("django").addHandler(AdminEmailHandler(include_html=True))
django.setup()
import_module(settings.ROOT_URLCONF)  # not in the first request, which runs on a loop

wsgi = WSGIHandler()
asgi = ASGIHandler()

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(asgi, fd=int(os.environ["CORPUS_SOCKET"]), access_log=False, lifespan="off")
