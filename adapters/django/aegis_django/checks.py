"""What ``manage.py check`` looks at: the setting, the variables, debug mode in production, the middleware."""

from collections.abc import Sequence
from typing import Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name

from aegis_core import Problem
from aegis_django.configuration import examine, signed_in

MIDDLEWARE: Final = "aegis_django.middleware.AegisMiddleware"
AUTHENTICATION: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"


def of_settings(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Every problem of the setting ``AEGIS`` and of the variables; no value is repeated."""
    configured, problems = examine()
    unmarked: Sequence[Problem] = apps.get_app_config("aegis_django").unmarked  # type: ignore[attr-defined]
    return [
        Error(f"{problem.setting}: {problem.expected}", hint=problem.hint or None, id="aegis_django.E001")
        for problem in (*problems, *unmarked, *configured.problems())
    ]


def of_middleware(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Whether requests have a context, and somebody in it."""
    configured, _problems = examine()
    given = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in given:
        hint = f"put {MIDDLEWARE} first in MIDDLEWARE"
        return [Warning("Requests have no context: nobody is on record.", hint=hint, id="aegis_django.W001")]
    found: list[CheckMessage] = []
    if given[0] != MIDDLEWARE:
        hint = "what stands before it answers without ids, and its debug pages show what was sent"
        found.append(Warning(f"{MIDDLEWARE} is not first in MIDDLEWARE.", hint=hint, id="aegis_django.W002"))
    if configured.purpose is None:
        hint = 'AEGIS = {"PURPOSE": Purpose.TREATMENT}, or the dotted path of a function of the request'
        found.append(Error("No purpose is set: nobody is on record.", hint=hint, id="aegis_django.E002"))
    if configured.principal is signed_in and AUTHENTICATION not in given:
        hint = 'install it, or say who acts with AEGIS = {"PRINCIPAL": …}'
        found.append(Warning(f"{AUTHENTICATION} is not installed: nobody signs in.", hint=hint, id="aegis_django.W003"))
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        hint = "leave it out: what a view raises then reaches the server's log with its text"
        found.append(Warning("DEBUG_PROPAGATE_EXCEPTIONS is set.", hint=hint, id="aegis_django.W004"))
    return found
