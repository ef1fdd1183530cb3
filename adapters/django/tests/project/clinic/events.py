from typing import Annotated, ClassVar

import attrs

from aegis_core import PHI, AuditEvent


@attrs.frozen
class Admitted(AuditEvent):
    action: ClassVar[str] = "patient.admitted"
    ward: str = "4B"
    name: Annotated[str, PHI.NAME] = ""


@attrs.frozen
class Discharged(AuditEvent):
    action: ClassVar[str] = "patient.discharged"
