import sys

import structlog

from aegis_core import Mrn, guarded, redact_event


@guarded
class Patient:
    mrn: Mrn


structlog.configure(processors=[redact_event, structlog.processors.JSONRenderer()])
log = structlog.get_logger()


def admit(mrn: str) -> None:
    log.info(f"admitted {mrn}")  # OPEN
    # FIX


if __name__ == "__main__":
    admit(sys.argv[1])
