import sys
from typing import Any

import sentry_sdk
from _sentry import WEB
from fastapi import FastAPI
from starlette.testclient import TestClient

sentry_sdk.init(  # REPLACED
    **WEB,
    include_local_variables=False,
    max_breadcrumbs=0,
    # FIX,
)
# ADAPTER **WEB
app = FastAPI()


@app.get("/latest")
def latest() -> Any:
    raise LookupError("no result")


if __name__ == "__main__":
    TestClient(app, raise_server_exceptions=False).get("/latest", params={"mrn": sys.argv.pop()})
