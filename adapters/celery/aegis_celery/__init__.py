"""Celery with Aegis Core: ``install(app, aegis)``."""

from aegis_celery.installing import install

__all__ = ["install"]
