"""FastAPI under uvicorn, with its access log."""

import os
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException, Request

import aegis_fastapi
from aegis_core import Aegis
from tests.corpus.apps.serving import RAISED_SILENTLY, carry, dealt
from tests.corpus.case import IS_BARE
from tests.corpus.classes import Patient
from tests.corpus.logs import set_up
from tests.corpus.wires import IN_REPORTS, KEY_OF_A_MAPPING

DETAIL = "outside: detail of an HTTPException"
CASES = dealt(DETAIL, KEY_OF_A_MAPPING, without=(*IN_REPORTS, *RAISED_SILENTLY, "header: Referer"))

set_up(Path.cwd())
aegis = Aegis()
app = FastAPI(debug=IS_BARE, lifespan=aegis.lifespan)
if not IS_BARE:
    aegis_fastapi.install(app, aegis)


@app.get("/cases/{number}")
def carried(number: str) -> None:
    if CASES[number].carrier == DETAIL:
        raise HTTPException(409, f"no bed for {CASES[number].value}")
    carry(CASES[number])


@app.get("/patients/{patient:path}")
def patient(patient: str) -> None: ...


@app.get("/find")
def find() -> None: ...


@app.get("/fails/{patient:path}")
@app.post("/fails/{patient:path}")
async def fails(patient: str, request: Request) -> None:
    body = await request.body()
    query, headers, cookies = dict(request.query_params), dict(request.headers), dict(request.cookies)
    raise LookupError("no such patient") if (patient, query, headers, cookies, body) else AssertionError


@app.post("/beds")
def count(beds: dict[str, int]) -> None: ...


@app.post("/admit")
def admit(patient: Patient) -> None: ...


if __name__ == "__main__":
    uvicorn.run(app, fd=int(os.environ["CORPUS_SOCKET"]))
