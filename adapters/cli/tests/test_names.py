"""Which names say that a value is about a person or their health."""

import pytest

from aegis_cli.names import mark_for, suggested, words
from aegis_core import FINANCIAL, INTERNAL, PHI, PII, SECRET

SAYS = {
    "PHI.MRN": "mrn patientMRN patient_mrn medicalRecordNumber hn hospital_number",
    "PHI.NAME": "first_name lastName family_name surname patient_name patientName นามสกุล ชื่อผู้ป่วย nam_sakul chue",
    "PHI.BIRTH_DATE": "dob birthDate date_of_birth birthday wan_koet วันเกิด",
    "PHI.SSN": "ssn national_id nationalId nhs_number thai_national_id lek_bat_prachachon เลขบัตรประชาชน",
    "PHI.PHONE": "phone mobile_phone phoneNumber เบอร์โทร",
    "PHI.EMAIL": "email patient_email emailAddress",
    "PHI.ADDRESS": "home_address street thi_yu ที่อยู่",
    "PHI.DIAGNOSIS": "diagnosis icd10_code allergies chief_complaint hiv_status โรคประจำตัว",
    "PHI.RESULT": "lab_result testResult ผลตรวจ",
    "PHI.NOTE": "clinical_note nursingNote discharge_summary",
}

SAYS_NOTHING = """
    name filename username hostname table_name address ip mac_address server_address result results value note ward bed
    mrn_format phone_verified email_template address_book has_diagnosis is_allergic patient_count number_of_patients
    validate_email show_phone count_allergies first_names_only id user_id order_id birth_dates_enabled streets_geojson
    hnsw shn an html identity nationality phonetic emails_sent anamorphic
""".split()


@pytest.mark.parametrize(("mark", "name"), [(mark, name) for mark, names in SAYS.items() for name in names.split()])
def test_a_name_that_says_so_asks_for_its_mark(mark, name):
    assert mark_for(name) == mark


@pytest.mark.parametrize("name", SAYS_NOTHING)
def test_a_harmless_name_asks_for_none(name):
    assert mark_for(name) == ""


@pytest.mark.parametrize(
    ("name", "owner", "mark"),
    [
        ("name", "Patient", "PHI.NAME"),
        ("name", "Ward", ""),
        ("given", "HumanName", "PHI.NAME"),
        ("telecom", "Patient", "PHI.PHONE"),
        ("birthDate", "Patient", "PHI.BIRTH_DATE"),
        ("address", "Patient", "PHI.ADDRESS"),
        ("address", "Server", ""),
        ("identifier", "Patient", "PHI.UNIQUE_ID"),
        ("value", "Observation", "PHI.RESULT"),
        ("value", "Setting", ""),
        ("full_name", "User", "PHI.NAME"),
        ("full_name", "", ""),
    ],
)
def test_a_common_name_counts_by_whose_it_is(name, owner, mark):
    assert mark_for(name, owner) == mark


@pytest.mark.parametrize(
    ("name", "annotation", "made"),
    [
        ("mrn", "str", "Mrn"),
        ("mrn", "int", "Annotated[int, PHI.MRN]"),
        ("mrn", "Mapped[str]", "Mapped[Mrn]"),
        ("birth_date", "date", "BirthDate"),
        ("phones", "list[str]", ""),
        ("patient", "Patient", ""),
        ("patient", "str", "PatientName"),
    ],
)
def test_the_suggested_annotation_keeps_the_type(name, annotation, made):
    assert suggested(name, "Order", annotation) == made


@pytest.mark.parametrize("mark", sorted(SAYS))
def test_every_suggested_mark_is_one(mark):
    family, name = mark.split(".")
    taxonomies = {"PHI": PHI, "PII": PII, "SECRET": SECRET, "FINANCIAL": FINANCIAL, "INTERNAL": INTERNAL}
    assert hasattr(taxonomies[family], name)


def test_words_of_a_name():
    assert words("patientMRN") == words("patient_mrn") == words("Patient-MRN") == ("patient", "mrn")
    assert words("ชื่อ_ward") == ("ชื่อ", "ward")
    assert words("__") == ()
