"""Ready marks for the fields that most health services have."""

from typing import Annotated, TypeAlias

from aegis_core.marks.taxonomy import FINANCIAL, PHI, PII, SECRET

PatientName: TypeAlias = Annotated[str, PHI.NAME]
Mrn: TypeAlias = Annotated[str, PHI.MRN]
PatientAddress: TypeAlias = Annotated[str, PHI.ADDRESS]
ZipCode: TypeAlias = Annotated[str, PHI.ZIP]
PatientPhone: TypeAlias = Annotated[str, PHI.PHONE]
PatientEmail: TypeAlias = Annotated[str, PHI.EMAIL]
Ssn: TypeAlias = Annotated[str, PHI.SSN]
ThaiNationalId: TypeAlias = Annotated[str, PHI.SSN]  #: the thirteen digits of a Thai identity card
NhsNumber: TypeAlias = Annotated[str, PHI.SSN]  #: ten digits, England and Wales
HealthPlanNumber: TypeAlias = Annotated[str, PHI.HEALTH_PLAN]
PatientId: TypeAlias = Annotated[str, PHI.UNIQUE_ID]
DeviceId: TypeAlias = Annotated[str, PHI.DEVICE]
Diagnosis: TypeAlias = Annotated[str, PHI.DIAGNOSIS]
LabTest: TypeAlias = Annotated[str, PHI.TEST]
LabResult: TypeAlias = Annotated[str, PHI.RESULT]
Medication: TypeAlias = Annotated[str, PHI.MEDICATION]
ClinicalNote: TypeAlias = Annotated[str, PHI.NOTE]
PersonName: TypeAlias = Annotated[str, PII.NAME]
EmailAddress: TypeAlias = Annotated[str, PII.EMAIL]
PhoneNumber: TypeAlias = Annotated[str, PII.PHONE]
IpAddress: TypeAlias = Annotated[str, PII.IP_ADDRESS]
Password: TypeAlias = Annotated[str, SECRET.PASSWORD]
ApiKey: TypeAlias = Annotated[str, SECRET.API_KEY]
AccessToken: TypeAlias = Annotated[str, SECRET.TOKEN]
CardNumber: TypeAlias = Annotated[str, FINANCIAL.CARD]
Iban: TypeAlias = Annotated[str, FINANCIAL.IBAN]
