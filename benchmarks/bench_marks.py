"""What the marks cost on a log line, against rendering that line as JSON."""

import json
from collections.abc import Iterator
from typing import Any

import attrs
import orjson
import pydantic
import structlog

from aegis_core.marks import PHI, Classified, Mrn, PatientName, Pseudonym, Redaction, marks_of, redact_event
from benchmarks.regex_filter import PATTERNS, redact_text
from benchmarks.rows import Row, interleaved


@attrs.define
class Patient:
    mrn: Mrn
    name: PatientName
    ward: str


class Admission(pydantic.BaseModel):
    """Ten fields, two of them marked."""

    mrn: Mrn
    name: PatientName
    ward: str
    bed: int
    status: str
    priority: str
    admitted_by: str
    department: str
    isolation: bool
    visits: int


ADMISSION = Admission(
    mrn="HN-00042",
    name="Somchai Jaidee",
    ward="4B",
    bed=7,
    status="in-progress",
    priority="urgent",
    admitted_by="er-desk-2",
    department="cardiology",
    isolation=False,
    visits=3,
)
PATIENT = Patient("HN-00042", "Somchai Jaidee", "4B")
IDS = {
    "request_id": "0192f0c1-7b7e-7c3a-9a54-3f1c2b9d8e70",
    "correlation_id": "0192f0c1-7b7e-7c3a-9a54-9d8e703f1c2b",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}
LINE = {"event": "admitted", "level": "info", "timestamp": "2026-11-24T08:14:03.123456Z", **IDS}
PLAIN = {**LINE, "patient": {"mrn": "HN-00042", "name": "Somchai Jaidee", "ward": "4B"}}
ADMITTED = {**LINE, "patient": ADMISSION.model_dump()}
ADMITTED_TEXT = json.dumps(ADMITTED)
DEEP = {**LINE, "order": {"tests": [{"code": "GLU", "result": {"value": 5.4, "unit": "mmol/L"}} for _ in range(8)]}}
RESOURCE = {
    "resourceType": "Patient",
    "id": "f001",
    "identifier": [{"use": "usual", "system": "urn:oid:2.16.840.1", "value": "738472983"}],
    "name": [{"use": "usual", "family": "van de Heuvel", "given": ["Pieter"]}],
    "telecom": [{"system": "phone", "value": "0648352638", "use": "mobile"}],
    "gender": "male",
    "birthDate": "1944-11-17",
    "address": [{"use": "home", "line": ["Van Egmondkade 23"], "city": "Amsterdam", "postalCode": "1024 RJ"}],
}
with_orjson = structlog.processors.JSONRenderer(serializer=orjson.dumps)
with_json = structlog.processors.JSONRenderer()


def rows(quick: bool) -> Iterator[Row]:
    """Redaction before structlog's renderers, and the plan that the logger runs."""
    marks_of(Patient)
    marks_of(Admission)
    number = 3_000 if quick else 20_000
    pseudonym = Redaction({PHI.MRN: Pseudonym("k1", bytes(range(32)))})
    classified = Classified("HN-00042", PHI.MRN)
    fast, slow = pseudonym.plan(Patient), Redaction().plan(Patient)
    calls = {
        "redact a typed line": lambda: redact_event(None, "info", {**LINE, "patient": PATIENT}),
        "with a pseudonym": lambda: pseudonym.event(None, "info", {**LINE, "patient": PATIENT}),
        "redact a model": lambda: redact_event(None, "info", {**LINE, "patient": ADMISSION}),
        "render a model with json": lambda: with_json(None, "info", {**ADMITTED}),
        "filter its text": lambda: redact_text(ADMITTED_TEXT),
        "redact a loose line": lambda: redact_event(None, "info", {**LINE, "mrn": "HN-00042", "ward": "4B"}),
        "redact a deep line": lambda: redact_event(None, "info", {**DEEP}),
        "redact a FHIR line": lambda: redact_event(None, "info", {**LINE, "patient": RESOURCE}),
        "plan, erased": lambda: slow(PATIENT),
        "plan, one pseudonym": lambda: fast(PATIENT),
        "classified": lambda: f"{classified}",
        "build the line": lambda: {**LINE, "patient": PATIENT},
        "orjson": lambda: orjson.dumps(PLAIN),
        "render with orjson": lambda: with_orjson(None, "info", {**PLAIN}),
        "render with json": lambda: with_json(None, "info", {**PLAIN}),
        "render deep with orjson": lambda: with_orjson(None, "info", {**DEEP}),
        "render deep with json": lambda: with_json(None, "info", {**DEEP}),
        "render FHIR with json": lambda: with_json(None, "info", {**LINE, "patient": RESOURCE}),
        "walk": lambda: naive({**DEEP}),
    }
    best = interleaved(calls, number=number)
    built = best["build the line"]

    def row(name: str, ours: str, limit: str, target: float | None, note: str = "") -> Row:
        # Both sides build their event first; what is compared is redacting against rendering.
        return Row("marks", name, ours=best[ours] - built, limit=best[limit] - built, target=target, note=note)

    yield row("redact_event, typed object", "redact a typed line", "render with json", 1.3, "limit: structlog, json")
    yield row(
        "redact_event, typed object", "redact a typed line", "render with orjson", None, "limit: structlog, orjson"
    )
    yield row(
        "redact_event, model of ten fields", "redact a model", "render a model with json", 1.3, "limit: structlog, json"
    )
    yield Row(
        "marks",
        "redact_event, model of ten fields",
        ours=best["redact a model"] - built,
        limit=best["filter its text"],
        target=0.05,
        note=f"limit: {len(PATTERNS)} patterns over the text",
    )
    yield row(
        "redact_event, loose keywords", "redact a loose line", "render with orjson", None, "limit: structlog, orjson"
    )
    yield row("redact_event, one pseudonym", "with a pseudonym", "render with json", 1.3, "limit: structlog, json")
    yield row("redact_event, one pseudonym", "with a pseudonym", "render with orjson", None, "limit: structlog, orjson")
    yield row(
        "redact_event, 8 nested mappings", "redact a deep line", "render deep with json", 1.3, "limit: structlog, json"
    )
    yield row(
        "redact_event, 8 nested mappings", "redact a deep line", "walk", None, "limit: a bare walk over every key"
    )
    yield row(
        "redact_event, FHIR Patient", "redact a FHIR line", "render FHIR with json", 1.3, "limit: structlog, json"
    )
    yield Row(
        "marks",
        "plan of two erased fields",
        best["plan, erased"],
        best["orjson"],
        target=1.0,
        note="limit: orjson.dumps",
    )
    yield Row(
        "marks", "plan with one pseudonym", best["plan, one pseudonym"], best["orjson"], note="limit: orjson.dumps"
    )
    yield Row("marks", "format a Classified", best["classified"], note="absolute")


def naive(value: Any) -> Any:
    """The least that looks at every key: what a redactor by key path does."""
    if isinstance(value, dict):
        return {key: "[x]" if key in KEYS else naive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [naive(item) for item in value]
    return value


KEYS = frozenset(("mrn", "name"))
assert json.loads(orjson.dumps(PLAIN)) == PLAIN
