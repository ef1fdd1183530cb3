"""Every door that `aegis leaks` looks at, by library."""

from typing import Final

from aegis_cli.leaks.doors import (
    celery,
    classes,
    code,
    django,
    fastapi,
    flask,
    hooks,
    library_loggers,
    loguru,
    opentelemetry,
    pydantic,
    sentry,
    servers,
    sqlalchemy,
    standard_logging,
    structlog,
    tools,
)
from aegis_cli.leaks.model import Door

DOORS: Final[tuple[Door, ...]] = (
    *classes.DOORS,
    *code.DOORS,
    *pydantic.DOORS,
    *standard_logging.DOORS,
    *structlog.DOORS,
    *loguru.DOORS,
    *hooks.DOORS,
    *library_loggers.DOORS,
    *sqlalchemy.DOORS,
    *fastapi.DOORS,
    *django.DOORS,
    *flask.DOORS,
    *servers.DOORS,
    *celery.DOORS,
    *sentry.DOORS,
    *opentelemetry.DOORS,
    *tools.DOORS,
)
