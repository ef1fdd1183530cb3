"""Lines of ours that close several doors at once."""

from typing import Final

from aegis_cli.leaks.model import Remedy

LOGGING: Final = Remedy("install_logging()")
WARNINGS: Final = Remedy("logging.captureWarnings(True)")  #: with `LOGGING`, which leaves place and category

CELERY: Final = Remedy("aegis_celery.install(app, aegis)", "aegis-health-celery")
DJANGO: Final = Remedy(
    'INSTALLED_APPS = ["aegis_django", …]; MIDDLEWARE = ["aegis_django.middleware.AegisMiddleware", …]',
    "aegis-health-django",
)
FASTAPI: Final = Remedy("aegis_fastapi.install(app)", "aegis-health-fastapi")
FLASK: Final = Remedy("aegis_flask.install(app)", "aegis-health-flask")
OPENTELEMETRY: Final = Remedy(
    "provider.add_span_processor(BatchSpanProcessor(RedactingSpanExporter(…)))", "aegis-health-opentelemetry"
)
SENTRY: Final = Remedy("aegis_sentry.init(…)", "aegis-health-sentry")
SQLALCHEMY: Final = Remedy("aegis_sqlalchemy.install(engine)", "aegis-health-sqlalchemy")
