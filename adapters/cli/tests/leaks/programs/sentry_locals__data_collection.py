import sys

import sentry_sdk
from _sentry import OPTIONS

sentry_sdk.init(  # REPLACED
    **OPTIONS,
    max_breadcrumbs=0,
    include_local_variables=False,
    data_collection={
        # FIX,
    },
)
# ADAPTER **OPTIONS


def admit(mrn: str) -> None:
    raise LookupError("no such patient")


if __name__ == "__main__":
    try:
        admit(sys.argv.pop())
    except LookupError:
        sentry_sdk.capture_exception()
