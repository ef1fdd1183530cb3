import sys

from loguru import logger

from aegis_core import Mrn, guarded, redact_loguru

# FIX


@guarded
class Patient:
    mrn: Mrn


if __name__ == "__main__":
    logger.info("admitted {mrn}", mrn=sys.argv[1])
    try:
        raise LookupError(f"no bed for {sys.argv.pop()}")
    except LookupError:
        logger.exception("not admitted")
