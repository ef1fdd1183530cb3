"""Aegis Core: the dozen things that a health service needs before it may touch a patient's record."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    from aegis_core.marks.classified import Classified as Classified
    from aegis_core.marks.date_aliases import AdmissionDate as AdmissionDate
    from aegis_core.marks.date_aliases import BirthDate as BirthDate
    from aegis_core.marks.guard import guarded as guarded
    from aegis_core.marks.handlers import install_logging as install_logging
    from aegis_core.marks.port import Redactor as Redactor
    from aegis_core.marks.purpose import Purpose as Purpose
    from aegis_core.marks.redaction import Redaction as Redaction
    from aegis_core.marks.redaction import redact_event as redact_event
    from aegis_core.marks.redactors import Pseudonym as Pseudonym
    from aegis_core.marks.redactors import Year as Year
    from aegis_core.marks.redactors import erase as erase
    from aegis_core.marks.redactors import mask as mask
    from aegis_core.marks.redactors import year as year
    from aegis_core.marks.redactors import zip3 as zip3
    from aegis_core.marks.shapes import mark as mark
    from aegis_core.marks.shapes import marks_of as marks_of
    from aegis_core.marks.taxonomy import FINANCIAL as FINANCIAL
    from aegis_core.marks.taxonomy import INTERNAL as INTERNAL
    from aegis_core.marks.taxonomy import PHI as PHI
    from aegis_core.marks.taxonomy import PII as PII
    from aegis_core.marks.taxonomy import PUBLIC as PUBLIC
    from aegis_core.marks.taxonomy import SECRET as SECRET
    from aegis_core.marks.taxonomy import DataClass as DataClass

__all__ = [
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "SECRET",
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
    "Ssn",
    "ThaiNationalId",
    "Year",
    "ZipCode",
    "erase",
    "guarded",
    "install_logging",
    "mark",
    "marks_of",
    "mask",
    "redact_event",
    "year",
    "zip3",
]

_NAMES = {
    "AccessToken": "aegis_core.marks.aliases",
    "AdmissionDate": "aegis_core.marks.date_aliases",
    "ApiKey": "aegis_core.marks.aliases",
    "BirthDate": "aegis_core.marks.date_aliases",
    "Canary": "aegis_core.marks.canary",
    "CardNumber": "aegis_core.marks.aliases",
    "Classified": "aegis_core.marks.classified",
    "ClinicalNote": "aegis_core.marks.aliases",
    "DataClass": "aegis_core.marks.taxonomy",
    "DeviceId": "aegis_core.marks.aliases",
    "Diagnosis": "aegis_core.marks.aliases",
    "EmailAddress": "aegis_core.marks.aliases",
    "FINANCIAL": "aegis_core.marks.taxonomy",
    "HealthPlanNumber": "aegis_core.marks.aliases",
    "INTERNAL": "aegis_core.marks.taxonomy",
    "Iban": "aegis_core.marks.aliases",
    "IpAddress": "aegis_core.marks.aliases",
    "LabResult": "aegis_core.marks.aliases",
    "LabTest": "aegis_core.marks.aliases",
    "Medication": "aegis_core.marks.aliases",
    "Mrn": "aegis_core.marks.aliases",
    "NhsNumber": "aegis_core.marks.aliases",
    "PHI": "aegis_core.marks.taxonomy",
    "PII": "aegis_core.marks.taxonomy",
    "PUBLIC": "aegis_core.marks.taxonomy",
    "Password": "aegis_core.marks.aliases",
    "PatientAddress": "aegis_core.marks.aliases",
    "PatientEmail": "aegis_core.marks.aliases",
    "PatientId": "aegis_core.marks.aliases",
    "PatientName": "aegis_core.marks.aliases",
    "PatientPhone": "aegis_core.marks.aliases",
    "PersonName": "aegis_core.marks.aliases",
    "PhoneNumber": "aegis_core.marks.aliases",
    "Pseudonym": "aegis_core.marks.redactors",
    "Purpose": "aegis_core.marks.purpose",
    "Redaction": "aegis_core.marks.redaction",
    "Redactor": "aegis_core.marks.port",
    "SECRET": "aegis_core.marks.taxonomy",
    "Ssn": "aegis_core.marks.aliases",
    "ThaiNationalId": "aegis_core.marks.aliases",
    "Year": "aegis_core.marks.redactors",
    "ZipCode": "aegis_core.marks.aliases",
    "erase": "aegis_core.marks.redactors",
    "guarded": "aegis_core.marks.guard",
    "install_logging": "aegis_core.marks.handlers",
    "mark": "aegis_core.marks.shapes",
    "marks_of": "aegis_core.marks.shapes",
    "mask": "aegis_core.marks.redactors",
    "redact_event": "aegis_core.marks.redaction",
    "year": "aegis_core.marks.redactors",
    "zip3": "aegis_core.marks.redactors",
}

__getattr__, __dir__ = lazy(__name__, _NAMES)
