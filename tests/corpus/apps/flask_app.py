"""Flask under gunicorn, with its access log."""

from pathlib import Path

import flask
import pydantic

import aegis_flask
from aegis_core import Aegis
from tests.corpus.apps.serving import RAISED_SILENTLY, carry, dealt
from tests.corpus.case import IS_BARE
from tests.corpus.classes import Patient
from tests.corpus.logs import set_up
from tests.corpus.wires import IN_REPORTS

DESCRIPTION = "outside: description of an HTTPException"
CASES = dealt(DESCRIPTION, without=(*IN_REPORTS, *RAISED_SILENTLY))

set_up(Path.cwd())
app = flask.Flask("clinic")
if not IS_BARE:
    aegis_flask.install(app, Aegis())


@app.get("/cases/<number>")
def carried(number: str) -> str:
    if CASES[number].carrier == DESCRIPTION:
        flask.abort(409, f"no bed for {CASES[number].value}")
    carry(CASES[number])
    return ""


@app.get("/patients/<path:patient>")
def patient(patient: str) -> str:
    return ""


@app.get("/find")
def find() -> str:
    return ""


@app.get("/fails/<path:patient>")
@app.post("/fails/<path:patient>")
def fails(patient: str) -> str:
    raise LookupError("no such patient")


@app.post("/admit")
def admit() -> flask.Response:
    try:
        Patient(**flask.request.get_json())
    except pydantic.ValidationError as refused:
        return flask.make_response(refused.errors(include_url=False), 422)  # as many an application answers
    return flask.Response()
