"""Every WSGI request has its ids, the response says which, and nothing of it is left to the next one."""

import io
from contextvars import ContextVar
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from aegis_core import Aegis, Context, current, using

SERVED_BY = ContextVar("served_by", default="nobody")


def call(app, **environ):
    setup_testing_defaults(environ)
    environ.setdefault("QUERY_STRING", "")
    seen = {}

    def start_response(status, headers, exc_info=None):
        seen.update(status=status, headers=dict(headers), names=[name.lower() for name, _ in headers])
        return lambda _: None

    body = app(environ, start_response)
    try:
        return seen, b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def telling(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Request-ID", "the application's")])
    return [str(current().request_id).encode()]


def test_ids_are_made_set_and_sent_back_as_the_standard_wants():
    seen, body = call(validator(Aegis().wsgi(validator(telling))))
    assert seen["headers"]["x-request-id"] == body.decode() != "the application's"
    assert seen["names"].count("x-request-id") == 1
    assert current().request_id is None


def test_ids_of_strangers_are_replaced_and_those_of_trusted_peers_taken_over():
    theirs = {"HTTP_X_REQUEST_ID": "chosen-by-them", "HTTP_X_CORRELATION_ID": "theirs-too"}
    assert call(Aegis().wsgi(telling), **theirs)[1] != b"chosen-by-them"
    seen, body = call(Aegis().wsgi(telling, trusted=True), **theirs)
    assert (body, seen["headers"]["x-correlation-id"]) == (b"chosen-by-them", "theirs-too")


def test_a_body_made_bit_by_bit_has_the_context_until_it_is_closed():
    closed = []

    class Parts:
        def __init__(self):
            self.left = 2

        def __iter__(self):
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            self.left -= 1
            return str(current().request_id).encode() + b" "

        def close(self):
            closed.append(current().request_id)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Parts()

    seen, body = call(Aegis().wsgi(app))
    assert body.decode().split() == [seen["headers"]["x-request-id"]] * 2
    assert closed == [seen["headers"]["x-request-id"]]


def test_a_body_that_nobody_closes_leaves_nothing_on_the_thread():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield str(current().request_id).encode()

    with using(Context(tenant="outer")):
        body = iter(Aegis().wsgi(app)({}, lambda *_: None))
        next(body)
        assert current() == Context(tenant="outer")


def test_what_the_server_has_set_around_the_application_is_seen_inside():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [SERVED_BY.get().encode()]

    token = SERVED_BY.set("worker 7")
    try:
        assert call(Aegis().wsgi(app))[1] == b"worker 7"
    finally:
        SERVED_BY.reset(token)


def test_a_file_stays_a_file_that_the_server_can_send_by_itself():
    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"%PDF"))

    environ = {"wsgi.file_wrapper": FileWrapper}
    assert isinstance(Aegis().wsgi(app)(environ, lambda *_: None), FileWrapper)


def test_what_the_application_raises_comes_out_and_the_context_is_gone():
    def app(environ, start_response):
        raise KeyError("report")

    with pytest.raises(KeyError):
        call(Aegis().wsgi(app))
    assert current().request_id is None
