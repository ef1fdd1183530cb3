"""An application with all that we have adapters for: one line each shuts every door that it is said to close."""

from aegis_cli.leaks import State, inspect_application
from aegis_cli.leaks.doors import DOORS

PROGRAM = """
import django
import sentry_sdk
from celery import Celery
from django.conf import settings
from fastapi import FastAPI
from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from sqlalchemy import create_engine

import aegis_celery
import aegis_fastapi
import aegis_flask
import aegis_sentry
import aegis_sqlalchemy
from aegis_core import Aegis
from aegis_core.blocking import PerProcess
from aegis_opentelemetry import ContextSpans, RedactingSpanExporter

INSTALLED = {installed}
options = {{"dsn": "http://key@127.0.0.1:9/1", "traces_sample_rate": 1.0, "enable_logs": True}}
if INSTALLED:
    aegis_sentry.init(**options)
else:
    sentry_sdk.init(**options, send_default_pii=True)

settings.configure(
    DEBUG=True,
    ADMINS=[("Operations", "operations@clinic.example")],
    INSTALLED_APPS=["aegis_django"] if INSTALLED else [],
    MIDDLEWARE=["aegis_django.middleware.AegisMiddleware"] if INSTALLED else [],
    LOGGING={{
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {{"out": {{"class": "logging.StreamHandler"}}}},
        "root": {{"handlers": ["out"]}},
        "loggers": {{"django.db.backends": {{"level": "DEBUG"}}}},
    }},
)
django.setup()
api = FastAPI(debug=True)
site = Flask(__name__)
site.debug = True
queue = Celery("clinic", broker="memory://", backend="cache+memory://")
queue.conf.task_send_sent_event = queue.conf.result_extended = True
engine = create_engine("sqlite://", echo="debug")
provider = TracerProvider()
provider.add_span_processor(ContextSpans())
exporter = ConsoleSpanExporter()
provider.add_span_processor(BatchSpanProcessor(RedactingSpanExporter(exporter) if INSTALLED else exporter))
if INSTALLED:
    aegis_fastapi.install(api)
    aegis_flask.install(site)
    aegis_celery.install(queue, PerProcess(Aegis()))
    aegis_sqlalchemy.install(engine)


@queue.task
def remind(mrn): ...
"""
CLOSED_BY_ADAPTERS = {door.id for door in DOORS if door.better and door.better.distribution != "aegis-health-core"}


def states(folder, *, installed):
    program = folder / "clinic.py"
    program.write_text(PROGRAM.format(installed=installed))
    report = inspect_application(str(program), here=folder)
    return {each.door: each.state for each in report.findings if each.door in CLOSED_BY_ADAPTERS}


def test_one_line_each_shuts_every_door(tmp_path):
    assert states(tmp_path, installed=False) == dict.fromkeys(CLOSED_BY_ADAPTERS, State.OPEN)
    assert states(tmp_path, installed=True) == dict.fromkeys(CLOSED_BY_ADAPTERS, State.OK)
    assert len(CLOSED_BY_ADAPTERS) == 25
