import logging
import sys

import sentry_sdk
from _sentry import OPTIONS

sentry_sdk.init(  # REPLACED
    **OPTIONS,
    include_local_variables=False,
    max_breadcrumbs=0,
    # FIX,
)
# ADAPTER **OPTIONS

if __name__ == "__main__":
    logging.getLogger("ward").addHandler(logging.NullHandler())
    mrn = sys.argv.pop()
    try:
        raise LookupError(f"no bed for {mrn}")
    except LookupError:
        sentry_sdk.capture_exception()
    logging.getLogger("ward").error("no bed for %s", mrn)
