"""An application that has handlers, mounts and a lifespan of its own: they stay, and nothing comes out by them."""

import logging
import threading
import traceback
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from aegis_core import Aegis, AegisError, ErrorCode, Principal, Purpose, current
from aegis_fastapi import install, signed_in


def client_of(app):
    return TestClient(app, raise_server_exceptions=False)


def with_routes(app):
    @app.get("/patients/{number}")
    async def patient(number: int) -> None: ...

    @app.get("/fails/{what}")
    async def fails(what: str) -> None:
        raise LookupError(what)

    @app.get("/misses/{code}")
    async def misses(code: ErrorCode) -> None:
        raise AegisError(code, "there is no such report")

    return app


def test_an_answer_to_what_nobody_foresaw_has_the_id_that_stands_in_the_log(caplog):
    app = with_routes(FastAPI())
    install(app, Aegis())
    answer = client_of(app).get("/fails/x")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert f"internal: /fails/{{what}} (request {answer.headers['x-request-id']})" in caplog.messages


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [Exception, 500])
def test_handlers_of_the_applications_own_win_whenever_they_were_added(when, kind):
    app = with_routes(FastAPI())
    if when == "after":
        install(app, Aegis())
    app.exception_handler(RequestValidationError)(lambda request, error: PlainTextResponse("refused", 418))
    app.exception_handler(AegisError)(lambda request, error: PlainTextResponse("missed", 418))

    @app.exception_handler(kind)
    async def failed(request, error):
        return PlainTextResponse(f"failed {current().request_id}", 418)

    if when == "before":
        install(app, Aegis())
    client = client_of(app)
    answers = [client.get(path) for path in ("/patients/x", "/misses/not_found", "/fails/x")]
    assert [answer.status_code for answer in answers] == [418, 418, 418]
    assert [answer.text for answer in answers[:2]] == ["refused", "missed"]
    assert answers[2].text == f"failed {answers[2].headers['x-request-id']}"


@pytest.mark.parametrize("how", ["mount", "mount in an included router", "mount in a mount"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_application_that_is_mounted_repeats_nothing_either(phi_canary, caplog, how, debug):
    app, sub = FastAPI(), with_routes(FastAPI(debug=debug))
    install(app, Aegis())
    if how == "mount":
        app.mount("/wards", sub)
    elif how == "mount in a mount":
        between = FastAPI()
        between.mount("/wards", sub)
        app.mount("/house", between)
    else:
        router = APIRouter()
        router.mount("/wards", sub)
        app.include_router(router, prefix="/house")
    base = "/wards" if how == "mount" else "/house/wards"
    client = client_of(app)
    name = phi_canary.patient["name"]
    refused, failed = client.get(f"{base}/patients/{name}"), client.get(f"{base}/fails/{name}")
    missed = client.get(f"{base}/misses/not_found")
    assert (refused.status_code, failed.status_code, missed.status_code) == (422, 500, 404)
    assert {answer.headers["content-type"] for answer in (refused, missed)} == {"application/problem+json"}
    assert missed.json()["request_id"] == missed.headers["x-request-id"]
    phi_canary.assert_absent(refused.content, failed.content, missed.content)


def test_an_error_on_our_side_is_in_the_log_with_its_place_and_one_of_the_callers_is_not(caplog):
    app = with_routes(FastAPI())
    install(app, Aegis())
    client = client_of(app)
    answer = client.get("/misses/unavailable")
    assert answer.status_code == 503
    (record,) = [record for record in caplog.records if record.name == "aegis_fastapi"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"unavailable: /misses/{{code}} (request {answer.headers['x-request-id']})"
    assert "in misses" in caplog.text
    caplog.clear()
    client.get("/misses/not_found")
    assert not [record for record in caplog.records if record.name == "aegis_fastapi"]


def test_what_middleware_raises_is_told_alike(phi_canary):
    app = FastAPI()

    @app.middleware("http")
    async def asks(request, call_next):
        if request.url.path == "/trail":
            raise AegisError(ErrorCode.UNAVAILABLE, "the trail does not answer", retry_after=1.5)
        raise LookupError(phi_canary.patient["name"])

    install(app, Aegis())
    client = client_of(app)
    missed, failed = client.get("/trail"), client.get("/other")
    assert (missed.status_code, missed.headers["retry-after"], failed.status_code) == (503, "2", 500)
    assert [answer.json()["request_id"] for answer in (missed, failed)] == [
        answer.headers["x-request-id"] for answer in (missed, failed)
    ]
    with pytest.raises(LookupError) as raised:
        TestClient(app).get("/other")
    phi_canary.assert_absent(failed.content, str(raised.value))


@pytest.mark.parametrize(("code", "closed"), [(ErrorCode.NOT_FOUND, 1008), (ErrorCode.UNAVAILABLE, 1011)])
def test_a_websocket_that_is_open_is_closed_with_the_code_of_the_error(code, closed):
    app = FastAPI()
    install(app)

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        raise AegisError(code, "there is no such report")

    with client_of(app).websocket_connect("/ws") as session, pytest.raises(WebSocketDisconnect) as raised:
        session.receive_text()
    assert (raised.value.code, raised.value.reason) == (closed, code.value)


def test_installing_twice_is_refused_and_too_late_as_well():
    app = FastAPI()
    install(app, Aegis())
    with pytest.raises(AegisError, match="call it once") as raised:
        install(app, Aegis())
    assert raised.value.code is ErrorCode.INVALID_ARGUMENT
    started = FastAPI()
    client_of(started).get("/")
    with pytest.raises(RuntimeError, match="after an application has started"):
        install(started)


@pytest.mark.parametrize("when", ["startup", "shutdown"])
def test_a_lifespan_that_fails_tells_the_server_without_its_text(phi_canary, anyio_backend, when):
    @asynccontextmanager
    async def lifespan(app):
        if when == "startup":
            raise LookupError(phi_canary.patient["name"])
        yield
        raise LookupError(phi_canary.patient["name"])

    app = FastAPI(lifespan=lifespan)
    install(app)
    told = []

    async def run():
        async def receive():
            return {"type": "lifespan.startup" if not told else "lifespan.shutdown"}

        async def send(message):
            told.append(message)

        with pytest.raises(LookupError) as raised:
            await app({"type": "lifespan", "state": {}}, receive, send)
        return raised.value

    error = anyio.run(run, backend=anyio_backend)
    assert told[-1]["type"] == f"lifespan.{when}.failed"
    assert "in lifespan" in told[-1]["message"]
    assert "LookupError" in told[-1]["message"]
    phi_canary.assert_absent(told[-1]["message"], str(error))


@pytest.mark.parametrize("where", ["stream", "task", "dependency"])
def test_what_fails_after_the_answer_has_begun_reaches_the_server_without_its_text(phi_canary, where):
    app = FastAPI()
    install(app, Aegis())

    def fail():
        raise LookupError(phi_canary.patient["name"])

    async def opened():
        yield
        fail()

    async def parts():
        yield b"one"
        fail()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    @app.get("/task")
    async def task(tasks: BackgroundTasks) -> None:
        tasks.add_task(fail)

    @app.get("/dependency", dependencies=[Depends(opened)])
    async def dependency() -> None: ...

    with pytest.raises(LookupError) as raised:
        TestClient(app).get(f"/{where}")
    assert "fail" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    phi_canary.assert_absent(str(raised.value), repr(raised.value.__context__))


def test_the_check_is_a_dependency_as_any_other_and_a_plain_one_leaves_the_loop_free():
    app = FastAPI()
    install(app)
    seen = []

    def check(token: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Principal | None:
        seen.append(threading.current_thread())
        return Principal(token.credentials, verified_by="test")

    @app.get("/who")
    async def who(who: Annotated[Principal, Depends(signed_in(check, purpose=Purpose.TREATMENT))]) -> str:
        seen.append(threading.current_thread())
        return current().principal.id

    client = client_of(app)
    assert client.get("/who", headers={"authorization": "Bearer dr-malee"}).json() == "dr-malee"
    assert seen[0] is not seen[1]
    assert app.openapi()["paths"]["/who"]["get"]["security"] == [{"HTTPBearer": []}]
