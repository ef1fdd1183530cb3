import sys

import structlog

from aegis_core import redact_event

structlog.configure(processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()])
# FIX

if __name__ == "__main__":
    row = {"mrn": sys.argv[1]}
    try:
        row["name"]
    except KeyError:
        structlog.get_logger().exception("admission failed")
