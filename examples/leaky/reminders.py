"""Reminders of appointments, by Flask and Celery. Its doors are open on purpose: see README.md beside it."""

from dataclasses import dataclass

import requests
import sentry_sdk
import structlog
from celery import Celery
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from aegis_core import Mrn, PatientPhone

sentry_sdk.init(send_default_pii=True)
structlog.configure(processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()])
log = structlog.get_logger()

app = Flask(__name__)
app.debug = True
queue = Celery("reminders", broker="memory://", backend="cache+memory://")
queue.conf.result_extended = True


@dataclass
class Appointment:
    """Who is to come when."""

    mrn: Mrn
    phone: PatientPhone
    day: str


@queue.task
def remind(mrn: str, phone: str, day: str) -> str:
    """Send one short message."""
    log.info("reminding", appointment=Appointment(mrn, phone, day))
    answer = requests.post(f"http://127.0.0.1:8099/sms/{phone}", json={"text": f"See you on {day}"}, timeout=5)
    return f"{phone}: {answer.status_code}"


@app.post("/appointments")
def appointed() -> ResponseReturnValue:
    """Queue a reminder."""
    remind.delay(**request.get_json())
    return jsonify(queued=True), 202
