"""Aegis Core: the dozen things that a health service needs before it may touch a patient's record."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.app import Aegis as Aegis
    from aegis_core.app import CloseReport as CloseReport
    from aegis_core.audit.trail import AuditTrail as AuditTrail
    from aegis_core.crypto.keyring import Keyring as Keyring
    from aegis_core.crypto.model import KeyPurpose as KeyPurpose
    from aegis_core.kernel.carriers import ContextExecutor as ContextExecutor
    from aegis_core.kernel.carriers import from_headers as from_headers
    from aegis_core.kernel.carriers import to_headers as to_headers
    from aegis_core.kernel.context import Context as Context
    from aegis_core.kernel.context import Principal as Principal
    from aegis_core.kernel.context import acting as acting
    from aegis_core.kernel.context import current as current
    from aegis_core.kernel.context import using as using
    from aegis_core.kernel.errors import AegisError as AegisError
    from aegis_core.kernel.errors import ErrorCode as ErrorCode
    from aegis_core.kernel.errors import ForkedError as ForkedError
    from aegis_core.kernel.errors import MisuseError as MisuseError
    from aegis_core.kernel.errors import UnsupportedCapability as UnsupportedCapability
    from aegis_core.kernel.pending import Pending as Pending
    from aegis_core.kernel.problems import Problem as Problem
    from aegis_core.kernel.problems import SettingsError as SettingsError
    from aegis_core.kernel.recorder import AuditEvent as AuditEvent
    from aegis_core.kernel.recorder import Receipt as Receipt
    from aegis_core.kernel.settings import Settings as Settings
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
    from aegis_core.marks.hooks import install_excepthook as install_excepthook
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
    from aegis_core.marks.taxonomy import FINANCIAL as FINANCIAL
    from aegis_core.marks.taxonomy import INTERNAL as INTERNAL
    from aegis_core.marks.taxonomy import PHI as PHI
    from aegis_core.marks.taxonomy import PII as PII
    from aegis_core.marks.taxonomy import PUBLIC as PUBLIC
    from aegis_core.marks.taxonomy import SECRET as SECRET
    from aegis_core.marks.taxonomy import DataClass as DataClass
    from aegis_core.notifications.model import Delivery as Delivery
    from aegis_core.notifications.model import Message as Message
    from aegis_core.notifications.model import Recipient as Recipient
    from aegis_core.notifications.service import NotificationHub as NotificationHub
    from aegis_core.notifications.template import Content as Content
    from aegis_core.notifications.template import Template as Template
    from aegis_core.observability.logger import Logger as Logger
    from aegis_core.resilience.breaker import CountingBreaker as CountingBreaker
    from aegis_core.resilience.model import Breaker as Breaker
    from aegis_core.resilience.port import CircuitBreaker as CircuitBreaker
    from aegis_core.storage.model import ByteRange as ByteRange
    from aegis_core.storage.model import Match as Match
    from aegis_core.storage.model import ObjectInfo as ObjectInfo
    from aegis_core.storage.service import Storage as Storage

__all__ = [
    "FINANCIAL",
    "INTERNAL",
    "PHI",
    "PII",
    "PUBLIC",
    "SECRET",
    "AccessToken",
    "AdmissionDate",
    "Aegis",
    "AegisError",
    "ApiKey",
    "AuditEvent",
    "AuditTrail",
    "BirthDate",
    "Breaker",
    "ByteRange",
    "Canary",
    "CardNumber",
    "CircuitBreaker",
    "Classified",
    "ClinicalNote",
    "CloseReport",
    "Content",
    "Context",
    "ContextExecutor",
    "CountingBreaker",
    "DataClass",
    "Delivery",
    "DeviceId",
    "Diagnosis",
    "EmailAddress",
    "ErrorCode",
    "ForkedError",
    "HealthPlanNumber",
    "Iban",
    "IpAddress",
    "KeyPurpose",
    "Keyring",
    "LabResult",
    "LabTest",
    "Logger",
    "Match",
    "Medication",
    "Message",
    "MisuseError",
    "Mrn",
    "NhsNumber",
    "NotificationHub",
    "ObjectInfo",
    "Password",
    "PatientAddress",
    "PatientEmail",
    "PatientId",
    "PatientName",
    "PatientPhone",
    "Pending",
    "PersonName",
    "PhoneNumber",
    "Principal",
    "Problem",
    "Pseudonym",
    "Purpose",
    "Receipt",
    "Recipient",
    "Redaction",
    "Redactor",
    "Settings",
    "SettingsError",
    "Ssn",
    "Storage",
    "Template",
    "ThaiNationalId",
    "UnsupportedCapability",
    "Year",
    "ZipCode",
    "acting",
    "current",
    "erase",
    "from_headers",
    "guarded",
    "install_excepthook",
    "install_logging",
    "mark",
    "marks_of",
    "mask",
    "redact_event",
    "redact_loguru",
    "redacted",
    "scrub",
    "to_headers",
    "using",
    "year",
    "zip3",
]

_NAMES = {
    "AccessToken": "aegis_core.marks.aliases",
    "AdmissionDate": "aegis_core.marks.date_aliases",
    "Aegis": "aegis_core.app",
    "AegisError": "aegis_core.kernel.errors",
    "ApiKey": "aegis_core.marks.aliases",
    "AuditEvent": "aegis_core.kernel.recorder",
    "AuditTrail": "aegis_core.audit.trail",
    "BirthDate": "aegis_core.marks.date_aliases",
    "Breaker": "aegis_core.resilience.model",
    "ByteRange": "aegis_core.storage.model",
    "Canary": "aegis_core.marks.canary",
    "CardNumber": "aegis_core.marks.aliases",
    "CircuitBreaker": "aegis_core.resilience.port",
    "Classified": "aegis_core.marks.classified",
    "ClinicalNote": "aegis_core.marks.aliases",
    "CloseReport": "aegis_core.app",
    "Content": "aegis_core.notifications.template",
    "Context": "aegis_core.kernel.context",
    "ContextExecutor": "aegis_core.kernel.carriers",
    "CountingBreaker": "aegis_core.resilience.breaker",
    "DataClass": "aegis_core.marks.taxonomy",
    "Delivery": "aegis_core.notifications.model",
    "DeviceId": "aegis_core.marks.aliases",
    "Diagnosis": "aegis_core.marks.aliases",
    "EmailAddress": "aegis_core.marks.aliases",
    "ErrorCode": "aegis_core.kernel.errors",
    "FINANCIAL": "aegis_core.marks.taxonomy",
    "ForkedError": "aegis_core.kernel.errors",
    "HealthPlanNumber": "aegis_core.marks.aliases",
    "INTERNAL": "aegis_core.marks.taxonomy",
    "Iban": "aegis_core.marks.aliases",
    "IpAddress": "aegis_core.marks.aliases",
    "KeyPurpose": "aegis_core.crypto.model",
    "Keyring": "aegis_core.crypto.keyring",
    "LabResult": "aegis_core.marks.aliases",
    "LabTest": "aegis_core.marks.aliases",
    "Logger": "aegis_core.observability.logger",
    "Match": "aegis_core.storage.model",
    "Medication": "aegis_core.marks.aliases",
    "Message": "aegis_core.notifications.model",
    "MisuseError": "aegis_core.kernel.errors",
    "Mrn": "aegis_core.marks.aliases",
    "NhsNumber": "aegis_core.marks.aliases",
    "NotificationHub": "aegis_core.notifications.service",
    "ObjectInfo": "aegis_core.storage.model",
    "PHI": "aegis_core.marks.taxonomy",
    "PII": "aegis_core.marks.taxonomy",
    "PUBLIC": "aegis_core.marks.taxonomy",
    "Password": "aegis_core.marks.aliases",
    "PatientAddress": "aegis_core.marks.aliases",
    "PatientEmail": "aegis_core.marks.aliases",
    "PatientId": "aegis_core.marks.aliases",
    "PatientName": "aegis_core.marks.aliases",
    "PatientPhone": "aegis_core.marks.aliases",
    "Pending": "aegis_core.kernel.pending",
    "PersonName": "aegis_core.marks.aliases",
    "PhoneNumber": "aegis_core.marks.aliases",
    "Principal": "aegis_core.kernel.context",
    "Problem": "aegis_core.kernel.problems",
    "Pseudonym": "aegis_core.marks.redactors",
    "Purpose": "aegis_core.marks.purpose",
    "Receipt": "aegis_core.kernel.recorder",
    "Recipient": "aegis_core.notifications.model",
    "Redaction": "aegis_core.marks.redaction",
    "Redactor": "aegis_core.marks.port",
    "SECRET": "aegis_core.marks.taxonomy",
    "Settings": "aegis_core.kernel.settings",
    "SettingsError": "aegis_core.kernel.problems",
    "Ssn": "aegis_core.marks.aliases",
    "Storage": "aegis_core.storage.service",
    "Template": "aegis_core.notifications.template",
    "ThaiNationalId": "aegis_core.marks.aliases",
    "UnsupportedCapability": "aegis_core.kernel.errors",
    "Year": "aegis_core.marks.redactors",
    "ZipCode": "aegis_core.marks.aliases",
    "acting": "aegis_core.kernel.context",
    "current": "aegis_core.kernel.context",
    "erase": "aegis_core.marks.redactors",
    "from_headers": "aegis_core.kernel.carriers",
    "guarded": "aegis_core.marks.guard",
    "install_excepthook": "aegis_core.marks.hooks",
    "install_logging": "aegis_core.marks.handlers",
    "mark": "aegis_core.marks.shapes",
    "marks_of": "aegis_core.marks.shapes",
    "mask": "aegis_core.marks.redactors",
    "redact_event": "aegis_core.marks.redaction",
    "redact_loguru": "aegis_core.marks.loguru",
    "redacted": "aegis_core.marks.redaction",
    "scrub": "aegis_core.marks.scrubbing",
    "to_headers": "aegis_core.kernel.carriers",
    "using": "aegis_core.kernel.context",
    "year": "aegis_core.marks.redactors",
    "zip3": "aegis_core.marks.redactors",
}

__getattr__, __dir__ = lazy(__name__, _NAMES)
