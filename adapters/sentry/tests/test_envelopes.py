"""Real programs with the real SDK: no byte that a server receives holds anything of the patient."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


def run(program, phi_canary, received, **environment):
    ended = subprocess.run(
        [sys.executable, PROGRAMS / program],
        env={**os.environ, "DSN": received.dsn, "PATIENT": json.dumps(dict(phi_canary.patient)), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr.count("AssertionError") == 0, ended.stderr
    return ended


@pytest.mark.parametrize("program", ["plain.py", "apps.py"])
def test_no_byte_holds_anything_of_the_patient(phi_canary, received, program):
    run(program, phi_canary, received)
    assert len(received.of("event")) >= 2
    phi_canary.assert_absent(*received.bodies, *received.headers)


@pytest.mark.parametrize("program", ["plain.py", "apps.py"])
def test_without_it_the_same_program_sends_the_patient(phi_canary, received, program):
    run(program, phi_canary, received, BARE="yes")
    assert {"event", "transaction"} <= {headers["type"] for headers, _ in received.items}
    assert len(phi_canary.sightings(*received.bodies)) > 10


def test_types_places_templates_and_numbers_are_sent(phi_canary, received):
    run("plain.py", phi_canary, received)
    events = received.of("event")
    messages = [event["logentry"]["message"] for event in events if "logentry" in event]
    assert "no bed for %s, mrn=%s, ward %d" in messages
    assert "{'mrn': '[phi.mrn]', 'name': '[phi.name]'}" in messages
    assert "admission of %s failed" in messages
    assert "Task exception was never retrieved" in messages

    group = next(event for event in events if len((event.get("exception") or {}).get("values", ())) >= 4)
    kinds = [value["type"] for value in group["exception"]["values"]]
    assert sorted(kinds) == ["ExceptionGroup", "KeyError", "RuntimeError", "ValueError"]
    outer = next(value for value in group["exception"]["values"] if value["type"] == "ExceptionGroup")
    frame = outer["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["filename"], frame["in_app"]) == ("raises", "plain.py", True)
    assert frame.keys() <= {"function", "filename", "abs_path", "lineno", "module", "in_app"}
    assert "user" not in group
    assert group["tags"] == {"who": "[text]", "ward": 4}
    assert group["extra"] == {"who": "[text]", "mrn": "[phi.mrn]", "patient": "[text]", "sys.argv": ["[text]"]}
    assert group["contexts"]["patient"] == {
        "name": "[phi.name]",
        "who": "[text]",
        "beds": 2,
        "deep": {"who": ["[text]"]},
    }
    crumbs = {crumb.get("category"): crumb for crumb in group["breadcrumbs"]["values"]}
    assert crumbs["ward"]["data"] == {"who": "[text]", "beds": 3}
    left = [crumb.get("message") for crumb in group["breadcrumbs"]["values"]]
    assert "no bed for %(who)s" in left
    assert any(message and message.endswith(": UserWarning") for message in left)

    (admission,) = received.of("transaction")
    assert admission["transaction"] == "admit"
    spans = {span["op"]: span for span in admission["spans"]}
    assert spans["db"]["description"] == "SELECT"
    assert spans["http.client"]["description"] == "GET https://lab.example"
    assert spans["ward.search"]["data"]["beds"] == 2
    assert "attachment" not in {headers["type"] for headers, _ in received.items}
    assert [session.get("did") for session in received.of("session")] == [None] * len(received.of("session"))
    assert {*map(str, (session["attrs"] for session in received.of("session")))} == {
        "{'release': 'clinic@1', 'environment': 'production'}"
    }
    assert admission["measurements"] == {"beds": {"value": 2, "unit": "bed"}}
    bodies = [line["body"] for part in received.of("log") for line in part["items"]]
    loggers = {
        line["attributes"]["logger.name"]["value"]
        for part in received.of("log")
        for line in part["items"]
        if "logger.name" in line["attributes"]
    }
    assert "clinic.ward" in loggers  # although a patient has a name
    assert {"no bed for %s, mrn=%s, ward %d", "[ValueError]", "the ward is full"} <= {*bodies}


def test_an_application_is_told_by_routes_tables_and_hosts(phi_canary, received):
    run("apps.py", phi_canary, received)
    names = {event["transaction"] for event in received.of("event") + received.of("transaction")}
    assert {"/patients/{who}", "of_flask", "generic WSGI request", "[url]"} == names
    spans = [span for event in received.of("transaction") for span in event.get("spans", ())]
    told = {(span["op"], span["description"]) for span in spans}
    assert {("db", "SELECT report"), ("db", "SELECT")} <= told
    assert any(op == "http.client" and text.startswith("POST http://127.0.0.1:") for op, text in told)
    for event in received.of("event"):
        assert event["request"].keys() == {"method", "url"}
        kinds = [value["type"] for value in event["exception"]["values"]]
        assert kinds == ["OperationalError", "OperationalError"]
        crumbs = {(crumb.get("category"), crumb.get("message")) for crumb in event["breadcrumbs"]["values"]}
        assert {("query", "SELECT report"), ("clinic", "asked for %s")} <= crumbs
