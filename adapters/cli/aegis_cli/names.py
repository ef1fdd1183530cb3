"""Names that say that a value is about a person or their health, in English and in Thai, also transliterated.

A name is split into words, as ``birthDate`` and ``patient_mrn``; what it ends in decides, so that ``mrn_format`` and
``phone_verified`` are none. Words that mean something else elsewhere (``name``, ``address``, ``result``) count only
behind a word, or in a class, that says whose they are.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_ALWAYS: Final[dict[str, str]] = {  # class, and the endings that say so
    "PHI.MRN": ("mrn, medical record number, medical record no, hospital number, hn, chart number, เลขประจำตัวผู้ป่วย"),
    "PHI.UNIQUE_ID": "patient id, patient identifier, patient number, patient no, patient key, encounter id",
    "PHI.SSN": (
        "ssn, social security number, national id, national identifier, nhs number, citizen id, "
        "thai id, thai national id, id card, id card number, bat prachachon, lek bat prachachon, "
        "lek prachamtua prachachon, เลขบัตรประชาชน, เลขประจำตัวประชาชน"
    ),
    "PHI.NAME": (
        "first name, given name, middle name, last name, family name, surname, maiden name, "
        "patient name, patient, nam sakul, namsakul, nam sakun, namsakun, chue, chue sakul, "
        "chue nam sakul, ชื่อ, นามสกุล, ชื่อสกุล, ชื่อผู้ป่วย"
    ),
    "PHI.BIRTH_DATE": (
        "dob, birth date, birthdate, birthday, date of birth, born on, wan koet, wankoet, wan kerd, wankerd, วันเกิด"
    ),
    "PHI.ADDRESS": (
        "home address, postal address, street address, mailing address, patient address, street, "
        "address line, thi yu, thiyu, tee yoo, ที่อยู่"
    ),
    "PHI.ZIP": "zip code, zipcode, postal code, postcode, rahat praisani, รหัสไปรษณีย์",
    "PHI.PHONE": (
        "phone, phone number, telephone, telephone number, mobile number, mobile phone, cell phone, "
        "ber tho, ber thor, bertho, boe tho, เบอร์โทร, เบอร์โทรศัพท์, โทรศัพท์"
    ),
    "PHI.FAX": "fax, fax number",
    "PHI.EMAIL": "email, e mail, email address, mail address, อีเมล",
    "PHI.HEALTH_PLAN": (
        "insurance number, insurance id, policy number, health plan number, beneficiary number, "
        "beneficiary id, medicare number, medicaid number, sitthi raksa"
    ),
    "PHI.LICENSE": "driver license, drivers license, driver license number, driving licence",
    "PHI.VEHICLE": "license plate, licence plate, number plate",
    "PHI.DEVICE": "device serial, device serial number, implant serial",
    "PHI.IP_ADDRESS": "ip address, client ip, remote addr",
    "PHI.BIOMETRIC": "fingerprint image, voice print, voiceprint, retina scan, iris scan, face embedding",
    "PHI.PHOTO": "patient photo, face photo, portrait",
    "PHI.DIAGNOSIS": (
        "diagnosis, diagnoses, icd, icd code, icd10, icd 10, icd10 code, icd11, chief complaint, "
        "complaint text, allergy, allergies, symptom, symptoms, hiv status, medical history, "
        "disability, pregnancy, comorbidities, rok prachamtua, akan, kan winitchai, winitchai, "
        "วินิจฉัย, โรค, โรคประจำตัว, อาการ, แพ้ยา"
    ),
    "PHI.MEDICATION": "medication, medications, prescription, prescriptions, drug name, ya thi chai",
    "PHI.RESULT": "lab result, lab results, test result, test results, lab value, phon lab, ผลตรวจ, ผลแล็บ",
    "PHI.PROCEDURE": "procedure performed, surgery, surgeries, operation note",
    "PHI.NOTE": (
        "clinical note, clinical notes, nurse note, nursing note, doctor note, progress note, "
        "discharge summary, admission note, anamnesis"
    ),
    "PII.PASSPORT": "passport, passport number, passport no",
}

_OF_A_PERSON: Final[dict[str, str]] = {
    "PHI.NAME": "name, names, given, family, text",
    "PHI.ADDRESS": "address, addresses, city, line",
    "PHI.PHONE": "mobile, tel, telecom, contact",
    "PHI.UNIQUE_ID": "identifier",
    "PHI.AGE": "age",
    "PHI.ZIP": "zip",
    "PHI.PHOTO": "photo",
    "PHI.NOTE": "note, notes",
}
"""Names that say so in a class or after a word that is a person."""

_OF_A_FINDING: Final[dict[str, str]] = {"PHI.RESULT": "result, value, finding, conclusion", "PHI.NOTE": "note, notes"}

_PERSONS: Final = frozenset(
    "patient person guardian caregiver mother father newborn humanname beneficiary citizen".split()
)
_FINDINGS: Final = frozenset("observation labresult diagnosticreport labreport testresult".split())

_ALIASES: Final = {
    "PHI.MRN": "Mrn",
    "PHI.UNIQUE_ID": "PatientId",
    "PHI.SSN": "Ssn",
    "PHI.NAME": "PatientName",
    "PHI.ADDRESS": "PatientAddress",
    "PHI.ZIP": "ZipCode",
    "PHI.PHONE": "PatientPhone",
    "PHI.EMAIL": "PatientEmail",
    "PHI.HEALTH_PLAN": "HealthPlanNumber",
    "PHI.DEVICE": "DeviceId",
    "PHI.DIAGNOSIS": "Diagnosis",
    "PHI.MEDICATION": "Medication",
    "PHI.RESULT": "LabResult",
    "PHI.NOTE": "ClinicalNote",
}
"""Marks of text that have a name of their own in `aegis_core`."""

_NEVER_BEFORE: Final = frozenset("is has can should needs no count num hide show validate parse".split())
"""First words of what is a question, a count or an act."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\da-zA-Z_]+|[\u0e00-\u0e7f]+")


@lru_cache(65536)
def words(name: str, /) -> tuple[str, ...]:
    """Split a name as code writes it into lower-case words: ``patientMRN``, ``patient_mrn`` → ``patient mrn``."""
    thai = re.sub(r"[\u0e00-\u0e7f]+", lambda found: f"_{found[0]}_", name)
    split: list[str] = []
    for part in thai.split("_"):
        if part and part[0] >= "\u0e00":
            split.append(part)
        else:
            split += (word.lower() for word in _WORD.findall(part))
    return tuple(split)


def _endings(table: dict[str, str]) -> dict[tuple[str, ...], str]:
    return {words(phrase.replace(" ", "_")): mark for mark, phrases in table.items() for phrase in phrases.split(", ")}


_BY_ENDING: Final = _endings(_ALWAYS)
_BY_PERSON: Final = _endings(_OF_A_PERSON)
_BY_FINDING: Final = _endings(_OF_A_FINDING)


@lru_cache(65536)
def mark_for(name: str, within: str = "", /) -> str:
    """The class that a name asks for, such as ``"PHI.MRN"``; empty if it says nothing.

    Arguments:
        within: the class that it is a field of, or the object that it is read from.
    """
    said = words(name)
    if not said or said[0] in _NEVER_BEFORE:
        return ""
    for ending in _tails(said):
        if ending in _BY_ENDING and not (ending == ("patient",) and len(said) > 1):
            return _BY_ENDING[ending]
    owner = words(within)
    if owner and said[-2:] == ("full", "name"):  # of a table or a module, where nothing says whose it is
        return "PHI.NAME"
    before = (*owner, *said[:-1])
    last = said[-1:]
    if _says(before, _PERSONS) and last in _BY_PERSON and len(said) <= 2:
        return _BY_PERSON[last]
    if _says(before, _FINDINGS) and last in _BY_FINDING and len(said) <= 2:
        return _BY_FINDING[last]
    return ""


def _tails(said: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (said[start:] for start in range(max(0, len(said) - 5), len(said)))


def _says(before: tuple[str, ...], known: frozenset[str]) -> bool:
    return any(word in known for word in before) or "".join(before) in known


def suggested(name: str, within: str, annotation: str = "str", /) -> str:
    """The annotation that marks a field, such as ``Mrn`` or ``Annotated[int, PHI.AGE]``; empty for a harmless name.

    Arguments:
        within: the class that it is a field of.
        annotation: what stands there now.
    """
    mark = mark_for(name, within)
    if not mark or (words(name) == ("patient",) and annotation != "str"):  # an object has marks of its own
        return ""
    inner = re.fullmatch(r"Mapped\[(.*)\]", annotation)
    if inner:
        return f"Mapped[{suggested(name, within, inner[1])}]"
    if annotation == "str" and mark in _ALIASES:
        return _ALIASES[mark]
    if annotation == "date" and mark == "PHI.BIRTH_DATE":
        return "BirthDate"
    return f"Annotated[{annotation}, {mark}]"
