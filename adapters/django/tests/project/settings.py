"""A Django project; where its database lies and how it runs the tests say by the environment."""

import os

from aegis_core import PHI, Purpose

SECRET_KEY = "of tests"
DEBUG = os.environ.get("CLINIC_DEBUG") == "1"
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
ROOT_URLCONF = "clinic.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "aegis_django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "clinic",
]
MIDDLEWARE = [
    "aegis_django.middleware.AegisMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
_SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("CLINIC_DATABASE", ":memory:")}
if "CLINIC_POSTGRES_PORT" in os.environ:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": "127.0.0.1",
            "PORT": os.environ["CLINIC_POSTGRES_PORT"],
            "OPTIONS": {"options": "-c search_path=" + os.environ["CLINIC_SCHEMA"]},
        },
        "other": {**_SQLITE, "NAME": ":memory:"},
    }
else:
    DATABASES = {"default": _SQLITE}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
ADMINS = [("ops", "ops@clinic.example")]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "lines": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "kept": {"class": "clinic.lines.Kept"},
    },
    "loggers": {
        "django.db.backends": {"level": "DEBUG"},
        "clinic": {"level": "INFO"},
    },
    "root": {"handlers": ["lines", "kept"], "level": "INFO"},
}
AEGIS = {
    "PURPOSE": Purpose.TREATMENT,
    "MARKS": {"auth.User": {"last_name": PHI.NAME}, "clinic.Letter": {"patient": PHI.UNIQUE_ID, "body": PHI.NOTE}},
}
