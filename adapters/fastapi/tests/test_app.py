"""A real application: nothing that was sent comes out by an error, and everything is on record by name."""

import logging
from enum import StrEnum
from typing import Annotated, Literal

import attrs
import httpx2 as httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import HTTPConnection

from aegis_core import (
    Aegis,
    AegisError,
    AuditEvent,
    AuditTrail,
    ErrorCode,
    Mrn,
    PatientName,
    Principal,
    Purpose,
    current,
)
from aegis_fastapi import install, signed_in


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Admission(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mrn: Mrn = Field(max_length=4)
    name: PatientName
    sex: Sex = Sex.FEMALE
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    allergies: dict[str, int] = {}

    @field_validator("name")
    @classmethod
    def is_no_name(cls, value: str) -> str:
        raise ValueError(f"{value} is no name")


class Stored(BaseModel):
    ward: int


@attrs.frozen
class Admitted(AuditEvent):
    action = "patient.admitted"


def check(connection: HTTPConnection) -> Principal | None:
    return Principal("dr-malee", verified_by="test") if connection.headers.get("authorization") else None


async def check_slowly(connection: HTTPConnection) -> Principal | None:
    return check(connection)


Clinician = Annotated[Principal, Depends(signed_in(check, purpose=Purpose.TREATMENT))]


def make(aegis=None, **options):
    app = FastAPI(**options)
    install(app, aegis)

    @app.post("/admissions")
    async def admit(admission: Admission) -> None: ...

    @app.get("/patients/{number}")
    async def patient(number: int, ward: int = 0) -> None: ...

    @app.get("/fails")
    async def fails(what: str) -> None:
        raise RuntimeError(f"no bed for {what}")

    @app.get("/misses/{code}")
    async def misses(code: ErrorCode) -> None:
        raise AegisError(code, "there is no such report", retry_after=1.5)

    @app.get("/validates")
    async def validates(what: str) -> None:
        Stored.model_validate({"ward": what})

    @app.get("/answers", response_model=Stored)
    async def answers(what: str) -> dict[str, str]:
        return {"ward": what}

    @app.websocket("/ws/{number}")
    async def ws(websocket: WebSocket, number: int) -> None: ...

    return app


@pytest.fixture
def client():
    with TestClient(make(), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    "body",
    [
        {"mrn": "{mrn}", "name": "{name}"},
        {"mrn": {"{mrn}": "{name}"}, "name": ["{name}"]},
        {"mrn": "1", "name": "x", "sex": "{name}"},
        {"mrn": "1", "name": "x", "pet": {"kind": "{name}"}},
        {"mrn": "1", "name": "x", "allergies": {"{name}": "{mrn}"}},
        {"mrn": "1", "name": "x", "{name}": "{mrn}"},
        ["{name}"],
    ],
)
def test_a_refused_body_is_not_repeated(client, phi_canary, body):
    def filled(node):
        if isinstance(node, dict):
            return {filled(key): filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        return node.format(**phi_canary.patient)

    answer = client.post("/admissions", json=filled(body))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_argument"
    phi_canary.assert_absent(answer.content)


def test_a_refusal_says_where_and_by_which_rule(client, phi_canary):
    sent = {"mrn": "12345", "name": "x", "allergies": {phi_canary.patient["name"]: "x"}}
    errors = client.post("/admissions", json=sent).json()["errors"]
    assert errors == [
        {
            "path": ["body", "mrn"],
            "rule": "string_too_long",
            "message": "String should have at most 4 characters",
        },
        {"path": ["body", "name"], "rule": "value_error", "message": "this is not valid"},
        {
            "path": ["body", "allergies", "[key]"],
            "rule": "int_parsing",
            "message": "Input should be a valid integer, unable to parse string as an integer",
        },
    ]


def test_neither_a_path_nor_a_query_nor_what_is_no_json_is_repeated(client, phi_canary):
    name = phi_canary.patient["name"]
    first = client.get(f"/patients/{name}", params={"ward": name})
    assert [error["path"] for error in first.json()["errors"]] == [["path", "number"], ["query", "ward"]]
    second = client.post(
        "/admissions", content=f'{{"{name}": {name}'.encode(), headers={"content-type": "application/json"}
    )
    assert (first.status_code, second.status_code) == (422, 422)
    phi_canary.assert_absent(first.content, second.content)


@pytest.mark.parametrize("path", ["fails", "validates", "answers"])
@pytest.mark.parametrize("debug", [False, True])
def test_what_nobody_foresaw_is_told_without_its_text_to_client_log_and_debug_page(phi_canary, path, debug):
    app = make(debug=debug)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get(f"/{path}", params={"what": phi_canary.patient["name"]}, headers={"accept": "text/html"})
    assert answer.status_code == 500
    if not debug:  # a debug page is Starlette's own
        assert (answer.headers["content-type"], answer.json()["code"]) == ("application/problem+json", "internal")
    phi_canary.assert_absent(answer.content)
    with TestClient(app) as client, pytest.raises(Exception) as raised:
        client.get(f"/{path}", params={"what": phi_canary.patient["name"]})
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=raised.value)
    phi_canary.assert_absent()


@pytest.mark.parametrize(
    ("code", "status"), [(ErrorCode.NOT_FOUND, 404), (ErrorCode.UNAVAILABLE, 503), (ErrorCode.CONFLICT, 409)]
)
def test_an_error_of_ours_has_the_status_of_its_code(client, code, status):
    answer = client.get(f"/misses/{code.value}")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (status, code.value, "2")
    assert ("detail" in answer.json()) == (status < 500)


def test_a_refused_websocket_is_told_nothing_of_what_it_sent(client, phi_canary):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as raised, client.websocket_connect(f"/ws/{phi_canary.patient['mrn']}"):
        pass
    assert raised.value.code == 1008
    phi_canary.assert_absent(raised.value.reason)


def test_a_model_without_a_schema_is_refused_as_well(phi_canary):
    app = make()
    app.openapi = lambda: 1 / 0
    with TestClient(app) as client:
        answer = client.post("/admissions", json={"mrn": phi_canary.patient["name"], "name": 1})
    assert [error["path"] for error in answer.json()["errors"]] == [["body", "[key]"], ["body", "[key]"]]


@pytest.mark.anyio
@pytest.mark.parametrize("verify", [check, check_slowly])
async def test_who_acts_is_known_everywhere_in_a_request_and_on_record(tmp_path, monkeypatch, verify):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    aegis = Aegis()
    app = FastAPI(lifespan=aegis.lifespan)
    install(app, aegis)
    seen = []
    who = Depends(signed_in(verify, purpose=Purpose.TREATMENT))

    @app.post("/admissions", dependencies=[who])
    async def admit(trail: Annotated[AuditTrail, Depends(aegis.provide(AuditTrail))], tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: seen.append(current()))
        return str((await trail.record(Admitted())).event_id)

    @app.get("/blocking", dependencies=[who])
    def blocking() -> None:
        seen.append(current())

    headers = {"authorization": "Bearer x"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://clinic") as client:
            refused = await client.post("/admissions")
            answer = await client.post("/admissions", headers=headers)
            await client.get("/blocking", headers=headers)
        (entry,) = [entry async for entry in aegis.audit.entries() if entry.action == "patient.admitted"]
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert (entry.who, entry.purpose, str(entry.event_id)) == ("dr-malee", Purpose.TREATMENT, answer.json())
    assert entry.request_id == answer.headers["x-request-id"] == seen[0].request_id
    assert [context.principal.id for context in seen] == ["dr-malee", "dr-malee"]
    assert current().principal is None
