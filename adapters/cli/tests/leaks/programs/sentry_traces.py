import sys

import sentry_sdk
from _sentry import OPTIONS

sentry_sdk.init(  # REPLACED
    **OPTIONS,
    traces_sample_rate=1.0,  # OPEN
    # FIX,
)
# ADAPTER **OPTIONS, traces_sample_rate=1.0

if __name__ == "__main__":
    url = f"http://lab.test/patients/{sys.argv.pop()}"
    with sentry_sdk.start_transaction(name="admit"), sentry_sdk.start_span(op="http.client", name=f"GET {url}"):
        pass
    sentry_sdk.flush()
