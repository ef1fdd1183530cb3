"""Django: pages and mails about errors."""

import logging
from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application, redacts
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import DJANGO


def _settings(application: Application) -> Any:
    settings = application.module("django.conf").settings
    return settings if settings.configured else None


def _opening(application: Application, settings: Any, name: str) -> Opening:
    module = getattr(settings, "SETTINGS_MODULE", None)
    place = application.assigned(f"{module}.{name}") if module else application.called("settings.configure")
    return Opening(f"settings.{name}", "", *place)


def debug_pages(application: Application) -> Iterable[Opening] | None:
    """``DEBUG`` answers errors with pages that show locals and the request."""
    settings = _settings(application)
    if settings is None:
        return None
    is_first = next(iter(settings.MIDDLEWARE), "").startswith("aegis_django.")  # its pages show types and places
    return [_opening(application, settings, "DEBUG")] if settings.DEBUG and not is_first else []


def mailed_reports(application: Application) -> Iterable[Opening] | None:
    """Reports to ``ADMINS`` hold the request and, as HTML, locals; Django's own filter knows passwords, no patients."""
    settings = _settings(application)
    mails = application.module("django.utils.log")
    if settings is None or mails is None:
        return None
    named = [logging.getLogger(name) for name in sorted(logging.getLogger().manager.loggerDict)]
    handlers = [
        (logger.name, handler)
        for logger in (logging.getLogger(), *named)
        for handler in logger.handlers
        if isinstance(handler, mails.AdminEmailHandler)
    ]
    if not handlers or not settings.ADMINS:
        return None
    return [Opening(f'AdminEmailHandler of logger "{name}"') for name, handler in handlers if not redacts(handler)]


def shown_mails(application: Application) -> Iterable[Opening] | None:
    """Backends that write mails as they are to standard output or into files."""
    settings = _settings(application)
    if settings is None:
        return None
    is_shown = settings.EMAIL_BACKEND.startswith(
        ("django.core.mail.backends.console", "django.core.mail.backends.file")
    )
    return [_opening(application, settings, "EMAIL_BACKEND")] if is_shown else []


DOORS = (
    Door(
        "django.debug",
        ("django.conf",),
        "pages about errors with local variables and the request",
        "DEBUG = False",
        debug_pages,
        Reach.ANSWERS,
        DJANGO,
    ),
    Door(
        "django.mails",
        ("django.conf",),
        "mails to ADMINS with the request and local variables",
        "install_logging()",
        mailed_reports,
        Reach.SERVICES,
        DJANGO,
    ),
    Door(
        "django.shown-mails",
        ("django.conf",),
        "mails with their recipients, on standard output or in files",
        'EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"',
        shown_mails,
    ),
)
