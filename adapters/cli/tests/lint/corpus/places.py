"""Lines that put a value elsewhere: printed, in URLs, routes, files, spans."""

import os
import sys
from pathlib import Path

import httpx
import sentry_sdk
from fastapi import FastAPI
from opentelemetry import trace

app = FastAPI()
span = trace.get_current_span()


def printed(mrn, patient, count):
    print(mrn)  # expect: AEG004
    print(f"admitted {mrn}")  # expect: AEG004
    print("admitted", patient.name)  # expect: AEG004
    print(patient)  # expect: AEG004
    print(vars(patient))  # expect: AEG004
    sys.stdout.write(f"{mrn}\n")  # expect: AEG004
    print(count)
    print("admitted")


def asked(mrn, client, patient, path, host, page):
    client.get(f"/patients/{mrn}")  # expect: AEG005
    client.get(f"https://lab.test/patients/{patient.mrn}/results")  # expect: AEG005
    client.get("/patients/" + mrn)  # expect: AEG005
    client.get("/patients/%s" % mrn)  # expect: AEG005
    client.get("/patients/{}".format(mrn))  # expect: AEG005
    client.get("/patients", params={"mrn": mrn})  # expect: AEG005
    httpx.get(f"https://{host}/search?mrn={mrn}")  # expect: AEG005
    url = f"{host}/patients?name={patient.name}"  # expect: AEG005
    client.post("/patients/search", json={"mrn": mrn})
    client.get(f"/wards/{page}")
    client.get("/patients", params={"page": page})
    client.get(path)
    base = "/patients"
    client.get(f"{base}/{mrn}")  # miss: AEG005
    return url


@app.get("/patients/{mrn}")  # expect: AEG006
def one(mrn: str): ...


@app.get("/patients/{id}")
def by_id(id: str): ...


@app.route("/patients/<national_id>/results")  # expect: AEG006
def results(national_id): ...


urlpatterns = [
    path("patients/<str:mrn>/", one),  # expect: AEG006
    path("wards/<int:ward>/", one),
]


def raised(mrn, patient, ward, work):
    if ward:
        raise LookupError(f"no patient {mrn}")  # expect: AEG007
    if not ward:
        raise LookupError("no patient", mrn)  # expect: AEG007
    if patient:
        raise LookupError("no patient " + patient.national_id)  # expect: AEG007
    if work:
        raise LookupError(f"no ward {ward}")
    if patient.is_child:
        raise LookupError("no such patient")
    assert ward, f"no ward for {mrn}"  # expect: AEG007
    assert ward, "no ward"
    try:
        work()
    except LookupError as problem:
        problem.add_note(f"of {mrn}")  # expect: AEG007
        raise


def measured(mrn, patient, counter, ward):
    span.set_attribute("patient", mrn)  # expect: AEG009
    span.set_attributes({"patient.mrn": mrn})  # expect: AEG009
    span.add_event("admitted", {"mrn": mrn})  # expect: AEG009
    counter.labels(mrn=mrn).inc()  # expect: AEG009
    sentry_sdk.set_tag("mrn", mrn)  # expect: AEG009
    sentry_sdk.set_context("patient", {"name": patient.name})  # expect: AEG009
    sentry_sdk.capture_message(f"lost {mrn}")  # expect: AEG009
    counter.labels(ward=ward).inc()
    span.set_attribute("ward", ward)


def kept(mrn, cache, session, ward, patient):
    open(f"letters/{mrn}.pdf")  # expect: AEG010
    Path(f"{patient.mrn}.pdf")  # expect: AEG010
    cache.set(f"patient:{mrn}", 1)  # expect: AEG010
    cache.get(mrn)  # expect: AEG010
    session.get(mrn)
    open(f"{ward}.pdf")
    os.path.join("letters", mrn)  # miss: AEG010
