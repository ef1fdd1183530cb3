"""FHIR R4 JSON follows the marks of its resourceType."""

import json
import os
from pathlib import Path

import pytest

from aegis_core.marks import PHI, Pseudonym, Redaction, redact_event, year, zip3
from aegis_core.marks.fhir import TABLES

CANARY = "Somchai-0042-canary"
PATIENT = {
    "resourceType": "Patient",
    "id": CANARY,
    "identifier": [{"system": "urn:mrn", "value": CANARY}],
    "name": [{"use": "official", "family": CANARY, "given": [CANARY]}],
    "birthDate": "1984-02-29",
    "_birthDate": {"extension": [{"valueDateTime": CANARY}]},
    "gender": "female",
    "address": [{"line": [CANARY], "postalCode": "90210", "country": "US"}],
    "maritalStatus": {"text": CANARY},
    "extension": [{"url": "x", "valueString": CANARY}],
    "text": {"div": CANARY},
}


def write(resource, redaction: Redaction | None = None):
    return (redaction or Redaction()).value("resource", resource)


def test_what_identifies_is_erased_and_what_is_a_code_is_shown():
    written = write(PATIENT)
    assert CANARY not in json.dumps(written)
    assert written["resourceType"] == "Patient"
    assert written["gender"] == "female"
    assert written["name"] == [{"use": "official", "family": "[phi.name]", "given": "[phi.name]"}]
    assert written["address"] == [{"line": "[phi.address]", "postalCode": "[phi.zip]", "country": "US"}]
    assert written["extension"] == "[unknown.element]"


def test_rules_of_a_profile_hold_for_elements():
    rules = Redaction({PHI.BIRTH_DATE: year, PHI.ZIP: zip3, PHI.UNIQUE_ID: Pseudonym("k1", bytes(32))})
    written = write(PATIENT, rules)
    assert written["birthDate"] == "1984"
    assert written["address"][0]["postalCode"] == "902"
    assert written["id"].startswith("pseudo:k1:")


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_no_element_of_a_known_resource_shows_text(kind):
    names = {*TABLES[kind], "unheardOf", "_status", "extension", "modifierExtension", "valueAttachment"}
    for value in (
        CANARY + " with spaces",
        [CANARY + " x"],
        {"text": CANARY, "display": CANARY, "unheardOf": CANARY},
        {"reference": CANARY + " x", CANARY: 1},
        [{"coding": [{"display": CANARY}]}],
        {"resourceType": "Patient", "name": CANARY},
    ):
        written = write({"resourceType": kind, **dict.fromkeys(names - {"resourceType"}, value)})
        assert CANARY not in json.dumps(written)
        assert written["resourceType"] == kind


def test_other_resources_about_a_patient_show_that_they_are_and_not_what_they_say():
    plan = {
        "resourceType": "CarePlan",
        "id": CANARY,
        "status": "active",
        "subject": {"reference": CANARY, "type": "Patient"},
        "category": [{"coding": [{"code": "736254009"}]}],
        "activity": [{"detail": {"code": {"text": CANARY}}}],
    }
    assert write(plan) == {
        "resourceType": "CarePlan",
        "id": "[phi.unique_id]",
        "status": "active",
        "subject": {"reference": "[phi.unique_id]", "type": "Patient"},
        "category": "[unknown.element]",
        "activity": "[unknown.element]",
    }


def test_of_an_unknown_resource_only_its_type_and_the_names_of_its_elements_are_shown():
    written = write({"resourceType": "Spaceship", "name": CANARY, "crew": [{"name": CANARY}], CANARY: 1, "x y": 2})
    assert written == {
        "resourceType": "Spaceship",
        "name": "[unknown.element]",
        "crew": "[unknown.element]",
        "[key]": "[unknown.element]",
    }


@pytest.mark.parametrize("kind", [CANARY + " x", 5, None, ["Patient"], {"a": CANARY}])
def test_a_type_that_is_none_is_erased(kind):
    assert write({"resourceType": kind, "name": CANARY}) == {
        "resourceType": "[unknown.element]",
        "name": "[unknown.element]",
    }


def test_resources_inside_resources_follow_their_own_tables():
    report = {"resourceType": "DiagnosticReport", "contained": [PATIENT], "subject": {"reference": "Patient/" + CANARY}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": CANARY, "resource": report}]}
    written = write(bundle)
    assert CANARY not in json.dumps(written)
    inner = written["entry"][0]["resource"]["contained"][0]
    assert inner["gender"] == "female"
    assert write({"resourceType": "Bundle", "entry": [{"resource": {"name": CANARY}}]})["entry"] == [
        {"resource": "[unknown.element]"}
    ]


def test_a_bundle_inside_itself_ends():
    bundle: dict[str, object] = {"resourceType": "Bundle"}
    bundle["entry"] = [{"resource": bundle}]
    assert write(bundle)["entry"] == [{"resource": "[cycle]"}]


def test_a_large_bundle_ends():
    entries = [{"resource": PATIENT} for _ in range(20_000)]
    assert len(json.dumps(write({"resourceType": "Bundle", "entry": entries}))) < 1_000_000


def test_a_resource_given_as_keywords_follows_its_table():
    written = redact_event(None, "info", {"event": "read", "level": "info", **PATIENT, "not a name": CANARY})
    assert CANARY not in json.dumps(written)
    assert written["event"] == "read"
    assert written["gender"] == "female"


def test_parts_of_a_resource_are_known_by_their_names():
    write(PATIENT)
    assert CANARY not in json.dumps(redact_event(None, "info", {"event": "e", "who": PATIENT["name"]}))


def strings(value, under=""):
    """Every text in a name, address, telecom, narrative, note or value of a resource."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, key if key in SENSITIVE or not under else under)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, under)
    elif isinstance(value, str) and under in SENSITIVE:
        yield value


SENSITIVE = {"family", "given", "line", "city", "div", "birthDate", "valueString", "postalCode", "display"}


@pytest.mark.skipif("AEGIS_VECTORS" not in os.environ, reason="AEGIS_VECTORS is not set")
def test_no_name_address_or_text_of_the_public_examples_survives():
    files = sorted(Path(os.environ["AEGIS_VECTORS"], "fhir-r4-examples").rglob("*.json"))
    checked = 0
    for file in files:
        resource = json.loads(file.read_bytes())
        if not isinstance(resource, dict) or "resourceType" not in resource:
            continue
        written = json.dumps(write(resource), ensure_ascii=False)
        for text in {found for found in strings(resource) if len(found) >= 6}:
            assert json.dumps(text, ensure_ascii=False)[1:-1] not in written, file.name
            checked += 1
    assert checked > 1000
