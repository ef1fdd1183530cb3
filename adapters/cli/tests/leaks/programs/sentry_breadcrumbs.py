import logging
import sys

import sentry_sdk
from _sentry import OPTIONS

sentry_sdk.init(  # REPLACED
    **OPTIONS,
    include_local_variables=False,
    # FIX,
)
# ADAPTER **OPTIONS

if __name__ == "__main__":
    logging.getLogger("ward").addHandler(logging.NullHandler())
    logging.getLogger("ward").warning("admitted %s", sys.argv.pop())
    try:
        raise LookupError("no bed")
    except LookupError:
        sentry_sdk.capture_exception()
