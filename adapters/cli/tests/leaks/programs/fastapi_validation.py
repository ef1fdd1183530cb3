import sys

from fastapi import FastAPI
from starlette.testclient import TestClient

import aegis_fastapi

app = FastAPI()
# FIX


@app.get("/patients")
def patients(count: int) -> str:
    return "ok"


if __name__ == "__main__":
    print(TestClient(app).get("/patients", params={"count": sys.argv[1]}).text)
