"""``INSTALLED_APPS += ["aegis_django"]``."""

from collections.abc import Callable

from django.apps import AppConfig
from django.core.checks import register
from django.db.backends.signals import connection_created
from django.db.models.signals import class_prepared

from aegis_core import Problem, install_logging
from aegis_django import checks, lines, reports
from aegis_django.configuration import examine
from aegis_django.marking import mark_table, remember


class AegisConfig(AppConfig):
    """Once Django is set up: models are marked, what handlers write is redacted, and ``manage.py check`` looks."""

    name = "aegis_django"
    verbose_name = "Aegis"
    #: Undoes `aegis_core.install_logging`.
    undo_logging: Callable[[], None]

    def ready(self) -> None:
        self.unmarked: tuple[Problem, ...] = tuple(mark_table(examine()[0].marks))
        class_prepared.connect(remember, dispatch_uid="aegis_django.remember")
        connection_created.connect(lines.on_connection, dispatch_uid="aegis_django.lines")
        lines.install()
        reports.install()
        self.undo_logging = install_logging()  # Django has configured logging by now
        register(checks.of_settings)
        register(checks.of_middleware)
