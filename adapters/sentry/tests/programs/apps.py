"""A FastAPI and a Flask application with SQLAlchemy and an HTTP client, asked for a patient who does not exist."""

import logging

import flask
import httpx
import sentry_sdk
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from setting_up import MRN, NAME, OPTIONS, Patient, set_up
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

import aegis_fastapi
from aegis_core import Aegis

set_up()
engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE report (mrn TEXT, who TEXT)"))
log = logging.getLogger("clinic")
base = OPTIONS["dsn"].replace("public@", "").removesuffix("/1")


def fail(who: str) -> None:
    patient = Patient(MRN, who)
    with engine.begin() as connection:
        connection.execute(text("SELECT * FROM report WHERE who = :who"), {"who": who})
        connection.execute(text(f"SELECT * FROM report WHERE who = '{who}'"))
    httpx.post(f"{base}/lab/{who}?mrn={MRN}#{who}", content=who)
    log.warning("asked for %s", who, extra={"patient": patient})
    with engine.begin() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE who = :who"), {"who": who})


api = FastAPI()
aegis_fastapi.install(api, Aegis())  # Sentry's integration has a hand in whatever is added as middleware


@api.post("/patients/{who}")
async def of_fastapi(who: str, request: Request) -> None:
    sentry_sdk.set_user({"id": who})
    await request.body()
    fail(who)


app = flask.Flask("clinic")


@app.post("/patients/<who>")
def of_flask(who: str) -> None:
    flask.request.get_json()
    fail(who)


sent = {
    "params": {"who": NAME, "mrn": MRN},
    "json": {"name": NAME, "mrn": MRN},
    "headers": {"x-patient": MRN, "user-agent": MRN, "cookie": f"who={MRN}", "referer": f"http://x/{MRN}"},
}
with TestClient(api, raise_server_exceptions=False) as client:
    assert client.post(f"/patients/{NAME}", **sent).status_code == 500
    assert client.get(f"/nowhere/{NAME}").status_code == 404
for path in (f"/patients/{NAME}?who={NAME}", f"/nowhere/{NAME}"):
    app.test_client().post(path, json=sent["json"], headers=sent["headers"])
sentry_sdk.flush(10)
