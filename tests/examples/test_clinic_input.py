"""What of FHIR is taken, whose it is, and that nothing is lost on the way in."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.clinic import synthetic
from examples.clinic.fhir import read_bundle, read_input
from examples.clinic.files import read_json, write_json
from examples.clinic.morning import recipients
from tests.examples.conftest import PATIENT, bundle, observation


def ids(intake):
    return [document.document_id for document in intake.documents]


@pytest.mark.parametrize(
    ("result", "is_filed"),
    [
        ({"valueString": "negative"}, True),
        ({"valueQuantity": {"value": 1}}, True),
        ({"component": [{"valueInteger": 0}]}, True),
        ({}, False),
        ({"dataAbsentReason": {"text": "not done"}}, False),
        ({"component": [{"dataAbsentReason": {}}]}, False),
    ],
)
def test_an_observation_is_filed_if_it_has_a_result(result, is_filed):
    plain = {key: value for key, value in observation().items() if key != "valueString"}
    intake = read_bundle(bundle({**plain, **result}))
    assert bool(intake.documents) is is_filed
    assert intake.others == ({} if is_filed else {"Observation": 1})


def test_reports_references_binaries_and_presented_forms_are_documents():
    subject = {"subject": {"reference": "http://server.example/fhir/Patient/p-1/_history/2"}}
    data = base64.b64encode(b"%PDF-1.4 scanned").decode()
    intake = read_bundle(
        bundle(
            {"resourceType": "DiagnosticReport", "id": "r", "presentedForm": [{"data": data}], **subject},
            {
                "resourceType": "DocumentReference",
                "id": "d",
                "content": [{"attachment": {"data": data}}, {"attachment": {"url": "Binary/image"}}],
                **subject,
            },
            {"resourceType": "Binary", "id": "image", "contentType": "image/png", "data": data},
            {"resourceType": "Binary", "id": "note", "data": data, "securityContext": {"reference": "Patient/p-2"}},
            {"resourceType": "Binary", "id": "whose", "data": data},
            {"resourceType": "Condition", "id": "c", **subject},
        )
    )
    owners = {document.document_id: document.patient_id for document in intake.documents}
    assert owners == {
        "DiagnosticReport/r": "p-1",
        "DiagnosticReport/r/attachment-0": "p-1",
        "DocumentReference/d": "p-1",
        "DocumentReference/d/attachment-0": "p-1",
        "Binary/image": "p-1",
        "Binary/note": "p-2",
    }
    assert intake.without_subject == 1
    assert intake.others == {"Condition": 1}
    assert {document.content for document in intake.documents if "attachment" in document.document_id} == {
        b"%PDF-1.4 scanned"
    }


def test_identity_is_the_resource_id_and_never_a_number():
    numbered = {**observation(), "subject": {"identifier": {"value": "HN-1"}}}
    patient = {**PATIENT, "identifier": [{"value": "HN-1"}]}
    intake = read_bundle(bundle(patient, numbered))
    assert intake.documents == []
    assert intake.without_subject == 1


def test_within_a_bundle_a_reference_may_be_the_entrys_url():
    uuid = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
    entries = [
        {"fullUrl": uuid, "resource": PATIENT},
        {"resource": {**observation(), "subject": {"reference": uuid}}},
        {"fullUrl": "urn:uuid:6d1a-1", "resource": {k: v for k, v in observation().items() if k != "id"}},
    ]
    intake = read_bundle({"resourceType": "Bundle", "entry": entries})
    assert [(document.document_id, document.patient_id) for document in intake.documents] == [
        ("Observation/o-1", "p-1"),
        ("Observation/6d1a-1", "p-1"),
    ]


def test_the_same_again_is_counted_and_another_content_under_the_same_id_is_a_version_beside_it():
    corrected = observation(valueString="positive", status="corrected")
    intake = read_bundle(bundle(observation(), corrected, observation(), {"resourceType": "Bundle", "entry": []}))
    assert ids(intake) == ["Observation/o-1", "Observation/o-1"]
    assert (intake.repeated, intake.versions) == (1, 1)


def test_a_corrected_result_is_filed_beside_the_first_and_sent(run, folder):
    assert run(folder).code == 0
    (folder / "good.json").write_text(json.dumps(bundle(PATIENT, observation(valueString="positive"))))
    ended = run(folder)
    assert ended.code == 0
    assert "1 filed, sealed (1 Observation)" in ended.out
    assert "0 had been filed before" in ended.out
    assert "1 results sent to the lab, 0 that it had before" in ended.out


def test_a_patient_in_several_files_is_one_with_all_names_and_the_first_address(folder):
    other = {**PATIENT, "name": [{"text": "Nongnuch Srisai"}], "telecom": [{"system": "email", "value": "b@x.example"}]}
    (folder / "later.json").write_text(json.dumps(other))
    (patient,) = read_input(folder).patients.values()
    assert patient.names == ("Wattanasiri", "Nongnuch", "Nongnuch Srisai")
    assert patient.email == "box-1@mail.example"
    assert "b@x.example" in patient.numbers


def test_whoever_has_a_document_is_told_once_and_who_has_no_address_is_unreachable(run, folder):
    (folder / "more.json").write_text(json.dumps(bundle(observation("o-2"), observation("o-3", patient="stranger"))))
    assert [patient.patient_id for patient in recipients(read_input(folder))] == ["p-1", "stranger"]
    ended = run(folder)
    assert ended.code == 0
    assert "2 letters (1 accepted, 1 unreachable)" in ended.out


def test_what_has_no_id_is_counted():
    intake = read_bundle(bundle({"resourceType": "Condition"}, {"resourceType": "Patient"}))
    assert intake.without_id == 2


NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["1.10", "0.00", "-0", "1E2", "100000000000000000000000.5"]),
)


@given(digits=NUMBERS, text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_number_keeps_the_digits_that_it_came_with(tmp_path_factory, digits, text):
    file = tmp_path_factory.mktemp("x") / "number.json"
    body = '{"resourceType":"Observation","valueQuantity":{"value":' + digits + '},"note":' + json.dumps(text) + "}"
    file.write_text(body)
    written = write_json(read_json(file)).decode()
    assert f'"value":{digits}}}' in written
    assert json.loads(written)["note"] == text


def test_the_synthetic_bundle_is_what_was_asked_for():
    intake = read_bundle(synthetic.bundle())
    names = [name for patient in intake.patients.values() for name in patient.names]
    assert len(intake.patients) == 10
    assert any("\u0e00" <= letter <= "\u0e7f" for name in names for letter in name)
    assert any(name.isascii() for name in names)
    assert all(
        name.lower() not in patient.email for patient in intake.patients.values() if patient.email for name in names
    )
    contents = {document.content[:5] for document in intake.documents}
    assert {b"%PDF-", b"\x89PNG\r"} <= contents
    assert intake.refusals == []
    assert synthetic.bundle() == synthetic.bundle()
