import sys

import structlog

from aegis_core import Mrn, guarded, redact_event


@guarded
class Patient:
    mrn: Mrn


structlog.configure(
    processors=[redact_event, structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()]
)
# FIX

if __name__ == "__main__":
    with structlog.contextvars.bound_contextvars(mrn=sys.argv[1]):
        structlog.get_logger().info("admitted")
