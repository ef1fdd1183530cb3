"""Every request has its ids, the response says which, and nobody chooses them who may not."""

import pytest

from aegis_core.app import Aegis
from aegis_core.kernel.context import current

pytestmark = pytest.mark.anyio

THEIRS = [(b"x-request-id", b"chosen-by-them"), (b"X-Correlation-ID", b"theirs-too")]


def responding(kind, seen, headers=()):
    async def app(scope, receive, send):
        seen.append(current())
        await send({"type": kind, "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})

    return app


async def call(app, scope):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    await app(scope, receive, send)
    return sent


async def test_ids_are_made_set_and_sent_back():
    seen = []
    app = Aegis().asgi(responding("http.response.start", seen, [(b"content-type", b"text/plain")]))
    start, body = await call(app, {"type": "http", "headers": []})
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"x-request-id"].decode() == seen[0].request_id
    assert headers[b"x-correlation-id"].decode() == seen[0].correlation_id
    assert body == {"type": "http.response.body", "body": b""}
    assert current().request_id is None


async def test_frameworks_may_name_what_they_wrap():
    """As Starlette did before 0.42."""
    seen = []
    await call(
        Aegis().asgi(app=responding("http.response.start", seen), trusted=False), {"type": "http", "headers": []}
    )
    assert seen[0].request_id is not None


async def test_ids_of_strangers_are_replaced():
    seen = []
    (start, _) = await call(Aegis().asgi(responding("http.response.start", seen)), {"type": "http", "headers": THEIRS})
    assert seen[0].request_id != "chosen-by-them"
    assert b"chosen-by-them" not in dict(start["headers"]).values()
    assert b"theirs-too" not in dict(start["headers"]).values()


async def test_ids_of_trusted_peers_are_taken_over():
    seen = []
    app = Aegis().asgi(responding("http.response.start", seen), trusted=True)
    (start, _) = await call(app, {"type": "http", "headers": THEIRS})
    assert (seen[0].request_id, seen[0].correlation_id) == ("chosen-by-them", "theirs-too")
    assert dict(start["headers"])[b"x-request-id"] == b"chosen-by-them"


async def test_each_id_is_in_the_response_once():
    app = Aegis().asgi(responding("http.response.start", [], [(b"X-Request-Id", b"the application's")]))
    (start, _) = await call(app, {"type": "http", "headers": []})
    assert [name.lower() for name, _ in start["headers"]].count(b"x-request-id") == 1
    assert b"the application's" not in dict(start["headers"]).values()


@pytest.mark.parametrize("kind", ["websocket.accept", "websocket.http.response.start"])
async def test_websockets_have_them_too(kind):
    seen = []
    (start, _) = await call(Aegis().asgi(responding(kind, seen)), {"type": "websocket", "headers": []})
    assert dict(start["headers"])[b"x-request-id"].decode() == seen[0].request_id


async def test_lifespan_messages_pass_untouched():
    seen = []
    sent = await call(Aegis().asgi(responding("lifespan.startup.complete", seen)), {"type": "lifespan"})
    assert seen[0].request_id is None
    assert sent[0]["headers"] == []


async def test_an_error_of_the_application_comes_out_unchanged():
    error = RuntimeError("theirs")

    async def app(scope, receive, send):
        raise error

    with pytest.raises(RuntimeError) as caught:
        await call(Aegis().asgi(app), {"type": "http", "headers": []})
    assert caught.value is error


async def test_a_lifespan_serves_while_it_lasts(parts):
    aegis = parts.aegis()
    async with aegis.lifespan(object()):
        assert (await aegis.audit.health()).state == "up"
    assert aegis.closed.is_clean
