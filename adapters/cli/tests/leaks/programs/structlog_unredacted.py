import sys

import structlog

from aegis_core import Mrn, guarded, redact_event


@guarded
class Patient:
    mrn: Mrn


structlog.configure(processors=[structlog.processors.JSONRenderer()])
# FIX

if __name__ == "__main__":
    structlog.get_logger().info("admitted", mrn=sys.argv[1])
