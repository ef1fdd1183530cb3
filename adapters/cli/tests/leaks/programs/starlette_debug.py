import sys

from fastapi import FastAPI
from starlette.testclient import TestClient

app = FastAPI(
    debug=True,  # OPEN
    # FIX,
)
# ADAPTER


@app.get("/latest")
def latest() -> str:
    raise LookupError(f"no result for {sys.argv[1]}")


if __name__ == "__main__":
    print(TestClient(app, raise_server_exceptions=False).get("/latest").text)
