"""A WSGI application that records at import, too: with ``--preload`` its Aegis is open when gunicorn forks.

``GET /LABEL`` submits an event and waits for nothing; the answer is the worker's process id.
"""

import json
import os
from typing import Annotated, ClassVar

import attrs

from aegis_core import PHI, Aegis, AuditEvent, Principal, Purpose, acting
from aegis_core.blocking import PerProcess

PATIENT = json.loads(os.environ["PATIENT"])
WHO = Principal("dr-malee", verified_by="test")


@attrs.frozen(kw_only=True)
class Filed(AuditEvent):
    action: ClassVar[str] = "report.filed"

    label: str
    name: Annotated[str, PHI.NAME]


wiring = Aegis()
aegis = PerProcess(wiring)
aegis.audit.record(Filed(label="loaded", name=PATIENT["name"]))


def file(label):
    with acting(WHO, purpose=Purpose.TREATMENT, subject=PATIENT["mrn"]):
        aegis.audit.submit(Filed(label=label, name=PATIENT["name"]))


def answer(environ, start_response):
    label = environ["PATH_INFO"].removeprefix("/")
    with acting(WHO, purpose=Purpose.TREATMENT, subject=PATIENT["mrn"]):
        aegis.storage.upload(f"reports/{label}", PATIENT["name"].encode())
        aegis.log.info("filed", name=PATIENT["name"], label=label)
    file(label)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


application = wiring.wsgi(answer)
