import sys
from typing import Any

import sentry_sdk
from _sentry import WEB
from fastapi import FastAPI
from starlette.testclient import TestClient

sentry_sdk.init(  # REPLACED
    **WEB,
    max_request_body_size="never",
    max_breadcrumbs=0,
    data_collection={
        "stack_frame_variables": False,
        # FIX,
    },
)
# ADAPTER **WEB
app = FastAPI()


@app.get("/latest")
def latest() -> Any:
    raise LookupError("no result")


if __name__ == "__main__":
    client = TestClient(app, raise_server_exceptions=False, cookies={"mrn": sys.argv.pop()})
    client.get("/latest")
