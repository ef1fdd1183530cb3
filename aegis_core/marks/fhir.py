"""The marks of FHIR R4 JSON, by ``resourceType``: what a clinic reads. What no table knows is erased."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, Union

from aegis_core.marks.names import learn
from aegis_core.marks.plans import Rules
from aegis_core.marks.taxonomy import PHI, PII, UNKNOWN, DataClass
from aegis_core.marks.walk import Walk

Table: TypeAlias = Mapping[str, "Element"]
Element: TypeAlias = Union[DataClass, Table, None]  # noqa: UP007 - a recursive alias needs the quotes
"""What an element is: of a class; a part with elements of its own; None: a code that may be shown.

An empty table stands for a resource inside a resource.
"""

MOST_CODES: Final = 64
_UNKNOWN: Final = UNKNOWN.ELEMENT.marker
RESOURCE: Final[Table] = {}
CODING: Final[Table] = {"system": None, "version": None, "code": None, "userSelected": None}
CODEABLE: Final[Table] = {"coding": CODING}
PERIOD: Final[Table] = {"start": PHI.DATE, "end": PHI.DATE}
PATIENT: Final[Table] = {
    "reference": PHI.UNIQUE_ID,
    "type": None,
    "identifier": PHI.UNIQUE_ID,
    "display": PHI.NAME,
}
STAFF: Final[Table] = {"reference": PII.IDENTIFIER, "type": None, "identifier": PII.IDENTIFIER, "display": PII.NAME}
ELSEWHERE: Final[Table] = {
    "reference": PHI.UNIQUE_ID,
    "type": None,
    "identifier": PHI.UNIQUE_ID,
    "display": UNKNOWN.ELEMENT,
}
ADDRESS: Final[Table] = {
    "use": None,
    "type": None,
    "text": PHI.ADDRESS,
    "line": PHI.ADDRESS,
    "city": PHI.ADDRESS,
    "district": PHI.ADDRESS,
    "state": PHI.ADDRESS,
    "postalCode": PHI.ZIP,
    "country": None,
    "period": PERIOD,
}
HUMAN_NAME: Final[Table] = {
    "use": None,
    "text": PHI.NAME,
    "family": PHI.NAME,
    "given": PHI.NAME,
    "prefix": PHI.NAME,
    "suffix": PHI.NAME,
    "period": PERIOD,
}
TELECOM: Final[Table] = {"system": None, "value": PHI.PHONE, "use": None, "rank": None, "period": PERIOD}
ATTACHMENT: Final[Table] = {
    "contentType": None,
    "language": None,
    "data": PHI.DOCUMENT,
    "url": PHI.URL,
    "size": None,
    "hash": PHI.UNIQUE_ID,
    "title": PHI.NOTE,
    "creation": PHI.DATE,
}
META: Final[Table] = {"versionId": None, "lastUpdated": None, "profile": None, "security": CODING, "tag": CODING}

_ANY: Final[Table] = {
    "id": PHI.UNIQUE_ID,
    "meta": META,
    "language": None,
    "text": PHI.NOTE,
    "contained": RESOURCE,
    "identifier": PHI.UNIQUE_ID,
    "status": None,
    "active": None,
}
_ABOUT_A_PATIENT: Final[Table] = {
    **_ANY,
    "subject": PATIENT,
    "patient": PATIENT,
    "encounter": ELSEWHERE,
    "basedOn": ELSEWHERE,
    "partOf": ELSEWHERE,
    "category": CODEABLE,
    "intent": None,
    "priority": None,
    "performer": STAFF,
    "requester": STAFF,
    "recorder": STAFF,
    "asserter": STAFF,
    "author": STAFF,
    "note": PHI.NOTE,
    "reasonCode": PHI.DIAGNOSIS,
    "issued": PHI.DATE,
    "date": PHI.DATE,
    "authoredOn": PHI.DATE,
    "recordedDate": PHI.DATE,
    "effectiveDateTime": PHI.DATE,
    "effectiveInstant": PHI.DATE,
    "effectivePeriod": PERIOD,
    "period": PERIOD,
    "specimen": ELSEWHERE,
    "clinicalStatus": CODEABLE,
    "verificationStatus": CODEABLE,
}
# Of resources about a patient for which there is no table of their own: that they exist, of whom, when, in which state.
# No category and no code: a plan of care says by its category what somebody has.
_OTHER: Final[Table] = {name: element for name, element in _ABOUT_A_PATIENT.items() if name not in {"category", "code"}}
_OTHERS: Final = (
    "Account AdverseEvent AppointmentResponse CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression "
    "Communication CommunicationRequest Composition Consent Coverage CoverageEligibilityRequest "
    "CoverageEligibilityResponse DetectedIssue DeviceRequest DeviceUseStatement DocumentManifest EpisodeOfCare "
    "ExplanationOfBenefit FamilyMemberHistory Flag Goal GuidanceResponse ImmunizationEvaluation "
    "ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration MedicationDispense "
    "MedicationStatement MolecularSequence NutritionOrder Provenance QuestionnaireResponse RequestGroup "
    "ResearchSubject RiskAssessment SupplyDelivery SupplyRequest Task VisionPrescription"
).split()
_PERSON: Final[Table] = {
    **_ANY,
    "identifier": PHI.MRN,
    "name": HUMAN_NAME,
    "telecom": TELECOM,
    "gender": None,
    "birthDate": PHI.BIRTH_DATE,
    "address": ADDRESS,
    "photo": PHI.PHOTO,
}
_STAFF: Final[Table] = {
    **_ANY,
    "id": PII.IDENTIFIER,
    "identifier": PII.LICENSE,
    "name": PII.NAME,
    "telecom": PII.PHONE,
    "gender": None,
    "birthDate": PII.BIRTH_DATE,
    "address": PII.ADDRESS,
    "photo": PII.PHOTO,
    "qualification": PII.LICENSE,
}
_VALUES: Final[Table] = dict.fromkeys(
    (
        "valueQuantity valueCodeableConcept valueString valueBoolean valueInteger valueRange valueRatio "
        "valueSampledData valueTime valueDateTime valuePeriod interpretation referenceRange "
        "dataAbsentReason component bodySite"
    ).split(),
    PHI.RESULT,
)

TABLES: Final[Mapping[str, Table]] = {
    **dict.fromkeys(_OTHERS, _OTHER),
    "Patient": {
        **_PERSON,
        "deceasedBoolean": None,
        "deceasedDateTime": PHI.DATE,
        "contact": PHI.NAME,
        "generalPractitioner": STAFF,
        "managingOrganization": ELSEWHERE,
        "link": {"other": PATIENT, "type": None},
        "communication": {"language": CODEABLE, "preferred": None},
    },
    "RelatedPerson": {**_PERSON, "patient": PATIENT, "relationship": CODEABLE, "period": PERIOD},
    "Person": {**_PERSON, "link": {"target": PATIENT, "assurance": None}},
    "Practitioner": _STAFF,
    "PractitionerRole": {
        **_STAFF,
        "practitioner": STAFF,
        "organization": ELSEWHERE,
        "location": ELSEWHERE,
        "code": CODEABLE,
        "specialty": CODEABLE,
        "period": PERIOD,
    },
    "Organization": {**_ANY, "type": CODEABLE, "partOf": ELSEWHERE},
    "Location": {**_ANY, "mode": None, "type": CODEABLE, "partOf": ELSEWHERE},
    "Encounter": {
        **_ABOUT_A_PATIENT,
        "class": CODING,
        "type": CODEABLE,
        "priority": CODEABLE,
        "participant": {"individual": STAFF, "type": CODEABLE, "period": PERIOD},
        "diagnosis": PHI.DIAGNOSIS,
        "serviceProvider": ELSEWHERE,
    },
    "Appointment": {
        **_ABOUT_A_PATIENT,
        "start": PHI.DATE,
        "end": PHI.DATE,
        "description": PHI.NOTE,
        "comment": PHI.NOTE,
    },
    "Condition": {**_ABOUT_A_PATIENT, "code": PHI.DIAGNOSIS, "onsetDateTime": PHI.DATE, "bodySite": PHI.DIAGNOSIS},
    "AllergyIntolerance": {**_ABOUT_A_PATIENT, "category": None, "code": PHI.DIAGNOSIS, "reaction": PHI.DIAGNOSIS},
    "Observation": {**_ABOUT_A_PATIENT, **_VALUES, "code": PHI.TEST, "method": PHI.TEST, "derivedFrom": ELSEWHERE},
    "DiagnosticReport": {
        **_ABOUT_A_PATIENT,
        "code": PHI.TEST,
        "result": ELSEWHERE,
        "resultsInterpreter": STAFF,
        "conclusion": PHI.RESULT,
        "conclusionCode": PHI.RESULT,
        "presentedForm": ATTACHMENT,
    },
    "DocumentReference": {
        **_ABOUT_A_PATIENT,
        "docStatus": None,
        "type": CODEABLE,
        "authenticator": STAFF,
        "description": PHI.NOTE,
        "content": {"attachment": ATTACHMENT, "format": CODING},
    },
    "Binary": {
        "id": PHI.UNIQUE_ID,
        "meta": META,
        "language": None,
        "contentType": None,
        "securityContext": ELSEWHERE,
        "data": PHI.DOCUMENT,
    },
    "ImagingStudy": {**_ABOUT_A_PATIENT, "modality": CODING, "started": PHI.DATE, "numberOfSeries": None},
    "Specimen": {**_ABOUT_A_PATIENT, "type": CODEABLE, "receivedTime": PHI.DATE},
    "ServiceRequest": {**_ABOUT_A_PATIENT, "code": PHI.TEST},
    "Procedure": {**_ABOUT_A_PATIENT, "code": PHI.PROCEDURE, "performedDateTime": PHI.DATE, "performedPeriod": PERIOD},
    "MedicationRequest": {
        **_ABOUT_A_PATIENT,
        "medicationCodeableConcept": PHI.MEDICATION,
        "medicationReference": PHI.MEDICATION,
        "dosageInstruction": PHI.MEDICATION,
    },
    "Immunization": {**_ABOUT_A_PATIENT, "vaccineCode": PHI.MEDICATION, "occurrenceDateTime": PHI.DATE},
    "OperationOutcome": {"id": PHI.UNIQUE_ID, "meta": META, "issue": {"severity": None, "code": None}},
    "Bundle": {
        "id": PHI.UNIQUE_ID,
        "meta": META,
        "type": None,
        "timestamp": None,
        "total": None,
        "identifier": PHI.UNIQUE_ID,
        "link": PHI.URL,
        "entry": {
            "fullUrl": PHI.URL,
            "resource": RESOURCE,
            "request": {"method": None, "url": PHI.URL},
            "response": {"status": None, "lastModified": None},
            "search": {"mode": None, "score": None},
        },
    },
}
"""``resourceType`` → its table. An element that its table does not name is erased."""

# A part of a resource that travels alone no longer says what it is: then its names have to.
for _name, _class in {
    "family": PHI.NAME,
    "given": PHI.NAME,
    "telecom": PHI.PHONE,
    "birthDate": PHI.BIRTH_DATE,
    "deceasedDateTime": PHI.DATE,
    "postalCode": PHI.ZIP,
    "presentedForm": PHI.DOCUMENT,
    **dict.fromkeys(("valueQuantity", "valueString", "valueCodeableConcept"), PHI.RESULT),
}.items():
    learn(_name, _class)


Written: TypeAlias = Union[str, Callable[[Any, Walk], object]]  # noqa: UP007 - a quoted alias
"""A compiled element: the marker that stands for it whatever it holds, or what writes it."""


def write_resource(resource: Mapping[Any, object], walk: Walk, rules: Rules, /) -> dict[str, object]:
    """Write a resource by the table of its type; of an unknown type, only the names of its elements."""
    kind = resource["resourceType"]
    table = _compiled(kind, rules) if type(kind) is str and kind in TABLES else {}
    written: dict[str, object] = {"resourceType": kind if _is_name(kind) else _UNKNOWN}
    for key, item in resource.items():
        if key in table:
            element = table[key]
            written[key] = element if type(element) is str else element(item, walk)  # type: ignore[operator]
        elif key != "resourceType":
            written[key if _is_name(key) else "[key]"] = _UNKNOWN
    return written


def _compiled(kind: str, rules: Rules) -> dict[str, Written]:
    try:
        return rules.tables[kind]  # type: ignore[return-value]
    except KeyError:
        made = {name: _compile(element, rules) for name, element in TABLES[kind].items()}
        rules.tables[kind] = made
        return made


def _compile(element: Element, rules: Rules) -> Written:
    if element is None:
        return _code
    if isinstance(element, DataClass):
        if rules.rule(element) is None:
            return element.marker
        return lambda item, walk: rules.marked(item, element)
    if element is RESOURCE:
        return lambda item, walk: _each(lambda one, walk: _inner_resource(one, walk, rules), item, walk)
    table = {name: _compile(part, rules) for name, part in element.items()}

    def write(item: Any, walk: Walk) -> object:
        if type(item) is not dict:
            return _each(write, item, walk) if isinstance(item, list) else _UNKNOWN
        walk.left -= len(item)
        if walk.left < 0:
            return "[size]"
        written: dict[str, object] = {}
        for key, one in item.items():
            if key in table:
                part = table[key]
                written[key] = part if type(part) is str else part(one, walk)  # type: ignore[operator]
            else:
                written[key if _is_name(key) else "[key]"] = _UNKNOWN
        return written

    return write


def _each(write: Callable[[Any, Walk], object], item: Any, walk: Walk) -> object:
    if not isinstance(item, list):
        return write(item, walk)
    walk.left -= len(item)
    if walk.left < 0:
        return "[size]"
    return [_UNKNOWN if isinstance(one, list) else write(one, walk) for one in item]


def _code(item: object, walk: Walk) -> object:
    if isinstance(item, list):
        return [one if _is_code(one) else _UNKNOWN for one in item[:MOST_CODES]]
    return item if _is_code(item) else _UNKNOWN


def _inner_resource(item: object, walk: Walk, rules: Rules) -> object:
    if not isinstance(item, Mapping) or "resourceType" not in item:
        return _UNKNOWN
    if stop := walk.enter(item, len(item)):
        return stop
    try:
        return write_resource(item, walk, rules)
    finally:
        walk.leave(item)


def _is_name(key: object) -> bool:
    return type(key) is str and key.isascii() and key.isidentifier() and len(key) <= 64


def _is_code(item: object) -> bool:
    """A code, a flag, a count, a stamp: what has no spaces and no letters but ASCII, and is short."""
    if type(item) is str:
        return len(item) <= 128 and item.isascii() and len(item.split()) == 1 and item.strip() == item
    return item is None or type(item) in {bool, int, float}
