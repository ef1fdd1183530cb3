import logging
import sys

import sentry_sdk
from _sentry import OPTIONS

sentry_sdk.init(  # REPLACED
    **OPTIONS,
    max_breadcrumbs=0,
    enable_logs=True,  # OPEN
    # FIX,
)
# ADAPTER **OPTIONS, enable_logs=True

if __name__ == "__main__":
    logging.getLogger("ward").addHandler(logging.NullHandler())
    logging.getLogger("ward").setLevel(logging.INFO)
    logging.getLogger("ward").info("no bed for %s", sys.argv.pop())
    sentry_sdk.flush()
