"""Why somebody looks at data."""

from enum import StrEnum


class Purpose(StrEnum):
    """Purpose of use. Values are codes of HL7 PurposeOfUse (``http://terminology.hl7.org/CodeSystem/v3-ActReason``)."""

    TREATMENT = "TREAT"
    CARE_MANAGEMENT = "CAREMGT"
    EMERGENCY = "ETREAT"
    BREAK_GLASS = "BTG"
    PAYMENT = "HPAYMT"
    OPERATIONS = "HOPERAT"
    QUALITY = "HQUALIMP"
    COMPLIANCE = "HCOMPL"
    SYSTEM_ADMINISTRATION = "HSYSADMIN"
    RESEARCH = "HRESCH"
    PUBLIC_HEALTH = "PUBHLTH"
    PATIENT_REQUEST = "PATRQT"
    FAMILY_REQUEST = "FAMRQT"
    LEGAL = "HLEGAL"
