"""One mark on a field that every log line, record and message honours. Standard library only; usable alone."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.marks.addresses import origin_of as origin_of
    from aegis_core.marks.aliases import AccessToken as AccessToken
    from aegis_core.marks.aliases import ApiKey as ApiKey
    from aegis_core.marks.aliases import CardNumber as CardNumber
    from aegis_core.marks.aliases import ClinicalNote as ClinicalNote
    from aegis_core.marks.aliases import DeviceId as DeviceId
    from aegis_core.marks.aliases import Diagnosis as Diagnosis
    from aegis_core.marks.aliases import EmailAddress as EmailAddress
    from aegis_core.marks.aliases import HealthPlanNumber as HealthPlanNumber
    from aegis_core.marks.aliases import Iban as Iban
    from aegis_core.marks.aliases import IpAddress as IpAddress
    from aegis_core.marks.aliases import LabResult as LabResult
    from aegis_core.marks.aliases import LabTest as LabTest
    from aegis_core.marks.aliases import Medication as Medication
    from aegis_core.marks.aliases import Mrn as Mrn
    from aegis_core.marks.aliases import NhsNumber as NhsNumber
    from aegis_core.marks.aliases import Password as Password
    from aegis_core.marks.aliases import PatientAddress as PatientAddress
    from aegis_core.marks.aliases import PatientEmail as PatientEmail
    from aegis_core.marks.aliases import PatientId as PatientId
    from aegis_core.marks.aliases import PatientName as PatientName
    from aegis_core.marks.aliases import PatientPhone as PatientPhone
    from aegis_core.marks.aliases import PersonName as PersonName
    from aegis_core.marks.aliases import PhoneNumber as PhoneNumber
    from aegis_core.marks.aliases import Ssn as Ssn
    from aegis_core.marks.aliases import ThaiNationalId as ThaiNationalId
    from aegis_core.marks.aliases import ZipCode as ZipCode
    from aegis_core.marks.canary import Canary as Canary
    from aegis_core.marks.canary import Encoded as Encoded
    from aegis_core.marks.canary import Sighting as Sighting
    from aegis_core.marks.canary import encodings as encodings
    from aegis_core.marks.classified import Classified as Classified
    from aegis_core.marks.date_aliases import AdmissionDate as AdmissionDate
    from aegis_core.marks.date_aliases import BirthDate as BirthDate
    from aegis_core.marks.guard import guarded as guarded
    from aegis_core.marks.handlers import install_logging as install_logging
    from aegis_core.marks.handlers import redact_record as redact_record
    from aegis_core.marks.handlers import redacting as redacting
    from aegis_core.marks.handlers import redacting_handler as redacting_handler
    from aegis_core.marks.hooks import install_excepthook as install_excepthook
    from aegis_core.marks.hooks import report_loop_error as report_loop_error
    from aegis_core.marks.loguru import redact_loguru as redact_loguru
    from aegis_core.marks.port import Redactor as Redactor
    from aegis_core.marks.purpose import Purpose as Purpose
    from aegis_core.marks.redaction import Redaction as Redaction
    from aegis_core.marks.redaction import redact_event as redact_event
    from aegis_core.marks.redaction import redacted as redacted
    from aegis_core.marks.redactors import Pseudonym as Pseudonym
    from aegis_core.marks.redactors import Year as Year
    from aegis_core.marks.redactors import erase as erase
    from aegis_core.marks.redactors import mask as mask
    from aegis_core.marks.redactors import year as year
    from aegis_core.marks.redactors import zip3 as zip3
    from aegis_core.marks.scrubbing import scrub as scrub
    from aegis_core.marks.shapes import mark as mark
    from aegis_core.marks.shapes import marks_of as marks_of
    from aegis_core.marks.statements import summarize_statement as summarize_statement
    from aegis_core.marks.taxonomy import FINANCIAL as FINANCIAL
    from aegis_core.marks.taxonomy import INTERNAL as INTERNAL
    from aegis_core.marks.taxonomy import PHI as PHI
    from aegis_core.marks.taxonomy import PII as PII
    from aegis_core.marks.taxonomy import PUBLIC as PUBLIC
    from aegis_core.marks.taxonomy import SAFE_HARBOR as SAFE_HARBOR
    from aegis_core.marks.taxonomy import SECRET as SECRET
    from aegis_core.marks.taxonomy import UNKNOWN as UNKNOWN
    from aegis_core.marks.taxonomy import DataClass as DataClass
    from aegis_core.marks.traces import describe as describe

__all__ = [
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "SAFE_HARBOR",
    "SECRET",
    "UNKNOWN",
    "AccessToken",
    "AdmissionDate",
    "ApiKey",
    "BirthDate",
    "Canary",
    "CardNumber",
    "Classified",
    "ClinicalNote",
    "DataClass",
    "DeviceId",
    "Diagnosis",
    "EmailAddress",
    "Encoded",
    "HealthPlanNumber",
    "Iban",
    "IpAddress",
    "LabResult",
    "LabTest",
    "Medication",
    "Mrn",
    "NhsNumber",
    "Password",
    "PatientAddress",
    "PatientEmail",
    "PatientId",
    "PatientName",
    "PatientPhone",
    "PersonName",
    "PhoneNumber",
    "Pseudonym",
    "Purpose",
    "Redaction",
    "Redactor",
    "Sighting",
    "Ssn",
    "ThaiNationalId",
    "Year",
    "ZipCode",
    "describe",
    "encodings",
    "erase",
    "guarded",
    "install_excepthook",
    "install_logging",
    "mark",
    "marks_of",
    "mask",
    "origin_of",
    "redact_event",
    "redact_loguru",
    "redact_record",
    "redacted",
    "redacting",
    "redacting_handler",
    "report_loop_error",
    "scrub",
    "summarize_statement",
    "year",
    "zip3",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "AccessToken": ".aliases",
        "AdmissionDate": ".date_aliases",
        "ApiKey": ".aliases",
        "BirthDate": ".date_aliases",
        "Canary": ".canary",
        "CardNumber": ".aliases",
        "Classified": ".classified",
        "ClinicalNote": ".aliases",
        "DataClass": ".taxonomy",
        "DeviceId": ".aliases",
        "Diagnosis": ".aliases",
        "EmailAddress": ".aliases",
        "Encoded": ".canary",
        "FINANCIAL": ".taxonomy",
        "HealthPlanNumber": ".aliases",
        "INTERNAL": ".taxonomy",
        "Iban": ".aliases",
        "IpAddress": ".aliases",
        "LabResult": ".aliases",
        "LabTest": ".aliases",
        "Medication": ".aliases",
        "Mrn": ".aliases",
        "NhsNumber": ".aliases",
        "PHI": ".taxonomy",
        "PII": ".taxonomy",
        "PUBLIC": ".taxonomy",
        "Password": ".aliases",
        "PatientAddress": ".aliases",
        "PatientEmail": ".aliases",
        "PatientId": ".aliases",
        "PatientName": ".aliases",
        "PatientPhone": ".aliases",
        "PersonName": ".aliases",
        "PhoneNumber": ".aliases",
        "Pseudonym": ".redactors",
        "Purpose": ".purpose",
        "Redaction": ".redaction",
        "Redactor": ".port",
        "SAFE_HARBOR": ".taxonomy",
        "SECRET": ".taxonomy",
        "Sighting": ".canary",
        "Ssn": ".aliases",
        "ThaiNationalId": ".aliases",
        "UNKNOWN": ".taxonomy",
        "Year": ".redactors",
        "ZipCode": ".aliases",
        "describe": ".traces",
        "encodings": ".canary",
        "erase": ".redactors",
        "guarded": ".guard",
        "install_excepthook": ".hooks",
        "install_logging": ".handlers",
        "mark": ".shapes",
        "marks_of": ".shapes",
        "mask": ".redactors",
        "origin_of": ".addresses",
        "redact_event": ".redaction",
        "redact_loguru": ".loguru",
        "redact_record": ".handlers",
        "redacted": ".redaction",
        "redacting": ".handlers",
        "redacting_handler": ".handlers",
        "report_loop_error": ".hooks",
        "scrub": ".scrubbing",
        "summarize_statement": ".statements",
        "year": ".redactors",
        "zip3": ".redactors",
    },
)
