"""A clinic that has worked for a morning: entries, objects of two tenants, and a patient who does not exist in all."""

from typing import Annotated, ClassVar

import attrs
import pytest

from aegis_core import PHI, AuditEvent, Principal, Purpose, acting
from aegis_core.testing.canary import PhiCanary

#: What a command that reveals is called with.
REVEAL = ("--reveal", "--purpose", "PATRQT", "--as", "dpo", "--reason", "she asked for it")
DOCTOR = Principal("dr-malee", "badge", frozenset({"clinician"}))


@attrs.frozen
class ReportFiled(AuditEvent):
    action: ClassVar[str] = "report.filed"

    report: str
    patient: Annotated[str, PHI.NAME]


@attrs.frozen
class Clinic:
    """What was put in. ``keys`` are of no tenant, ``tenant_keys`` of ``clinic-b``."""

    patient: PhiCanary
    entries: int
    keys: tuple[str, ...]
    tenant_keys: tuple[str, ...]
    body: bytes

    @property
    def name(self):
        return self.patient.patient["name"]


@pytest.fixture
def clinic(application):
    patient = PhiCanary()
    name, mrn = patient.patient["name"], patient.patient["mrn"]
    body = (f"{name} ({mrn}) is positive. ").encode() * 1000
    keys = (f"lab/{mrn}.pdf", "lab/2", "x-ray/a b/ü.dcm")

    async def morning(aegis):
        with acting(DOCTOR, purpose=Purpose.TREATMENT, subject=mrn):
            for number in range(300):
                receipt = aegis.audit.submit(ReportFiled(f"r{number}", name))
            await receipt
            for key in keys:
                await aegis.storage.upload(key, body)
        with acting(DOCTOR, purpose=Purpose.TREATMENT, tenant="clinic-b"):
            await aegis.storage.upload(f"lab/{mrn}.pdf", body)

    application(morning)
    return Clinic(patient, 304, keys, (f"lab/{mrn}.pdf",), body)


@pytest.fixture
def recorded(application):
    """What the trail holds of these actions, with their purposes and who, oldest first."""

    def read(*actions):
        found = []

        async def look(aegis):
            found.extend(
                [
                    (event.action, event.outcome, event.who, event.purpose)
                    async for event in aegis.audit.stored()
                    if event.action in actions
                ]
            )

        application(look)
        return found

    return read
