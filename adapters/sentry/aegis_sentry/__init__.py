"""Sentry with Aegis Core: ``init(dsn=…)`` in the place of ``sentry_sdk.init``."""

from aegis_sentry.hooks import Hooks
from aegis_sentry.initializing import init

__all__ = ["Hooks", "init"]
