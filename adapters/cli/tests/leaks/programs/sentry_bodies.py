import sys
from typing import Any

import sentry_sdk
from _sentry import WEB
from fastapi import Body, FastAPI
from starlette.testclient import TestClient

sentry_sdk.init(  # REPLACED
    **WEB,
    include_local_variables=False,
    max_breadcrumbs=0,
    # FIX,
)
# ADAPTER **WEB
app = FastAPI()


@app.post("/admissions")
def admit(admission: dict[str, str] = Body()) -> Any:
    raise LookupError("no bed")


if __name__ == "__main__":
    TestClient(app, raise_server_exceptions=False).post("/admissions", json={"mrn": sys.argv.pop()})
