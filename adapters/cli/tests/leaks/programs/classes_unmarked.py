import sys
from dataclasses import dataclass

import structlog

from aegis_core import Mrn, guarded, redact_event


@guarded
@dataclass
class Patient:
    mrn: str  # OPEN
    # FIX
    ward: str


structlog.configure(processors=[redact_event, structlog.processors.JSONRenderer()])

if __name__ == "__main__":
    structlog.get_logger().info("admitted", patient=Patient(sys.argv[1], "4B"))
