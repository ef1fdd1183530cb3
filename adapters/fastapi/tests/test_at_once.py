"""Many requests on one loop, some of them given up in the middle: each knows its own, and nobody another's."""

import random
from typing import Annotated

import anyio
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from starlette.requests import HTTPConnection

from aegis_core import Aegis, Principal, Purpose, acting, current
from aegis_fastapi import install, signed_in

REQUESTS = 1_000


def check(request: HTTPConnection) -> Principal | None:
    return Principal(request.headers["x-who"], verified_by="test")


async def check_async(request: HTTPConnection) -> Principal | None:
    await anyio.sleep(0)
    return check(request)


def scope(path, who):
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"x-who", who.encode())],
        "server": ("clinic", 80),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
    }


@pytest.mark.anyio
async def test_no_request_sees_another_ones_context_also_where_some_are_cancelled():
    app = FastAPI()
    install(app, Aegis())
    seen = []

    def told(place, who):
        context = current()
        subject = context.subject.reveal(Purpose.TREATMENT) if context.subject else None
        seen.append((place, who, context.principal.id, subject, context.request_id))

    @app.get("/async")
    async def on_the_loop(
        who: Annotated[Principal, Depends(signed_in(check_async, purpose=Purpose.TREATMENT))], tasks: BackgroundTasks
    ) -> None:
        with acting(who, purpose=Purpose.TREATMENT, subject=f"HN {who.id}"):
            await anyio.sleep(0)
            await anyio.sleep(0)
            told("async", who.id)
        tasks.add_task(told, "task", who.id)

    @app.get("/sync")
    def in_a_thread(who: Annotated[Principal, Depends(signed_in(check, purpose=Purpose.TREATMENT))]) -> None:
        with acting(who, purpose=Purpose.TREATMENT, subject=f"HN {who.id}"):
            told("sync", who.id)

    answered = {}

    async def ask(number, path):
        async def send(message):
            if message["type"] == "http.response.start":
                answered[f"who {number}"] = dict(message["headers"])[b"x-request-id"].decode()

        async def receive():
            await anyio.sleep_forever()

        with anyio.CancelScope() as given_up:
            if number % 5 == 0:
                waiting.append(given_up)
            await app(scope(path, f"who {number}"), receive, send)

    waiting = []
    chance = random.Random(7)
    async with anyio.create_task_group() as group:
        for number in range(REQUESTS):
            group.start_soon(ask, number, chance.choice(["/async", "/async", "/async", "/sync"]))
        await anyio.sleep(0)
        await anyio.sleep(0)
        for given_up in waiting:
            given_up.cancel()
    assert current().principal is None
    assert len(answered) >= REQUESTS * 4 // 5
    assert len(set(answered.values())) == len(answered)
    assert {place for place, *_ in seen} == {"async", "sync", "task"}
    for place, who, principal, subject, request in seen:
        assert principal == who
        assert subject == (None if place == "task" else f"HN {who}")
        assert answered.get(who, request) == request
