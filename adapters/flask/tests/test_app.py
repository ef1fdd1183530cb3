"""A real application: nothing that was sent comes out by an error, and the context says who acts."""

import io
import json
import logging
import traceback

import flask
import pytest
from flask import Blueprint, Flask, got_request_exception
from pydantic import BaseModel
from werkzeug.debug import DebuggedApplication
from werkzeug.exceptions import HTTPException
from werkzeug.test import Client

from aegis_core import Aegis, AegisError, ErrorCode, Principal, Purpose, acting, current
from aegis_core.blocking import PerProcess
from aegis_core.marks import redacting
from aegis_flask import install, signed_in


class Bed(BaseModel):
    ward: int


def check(request):
    return Principal("dr-malee", verified_by="test") if request.headers.get("authorization") else None


clinician = signed_in(check, purpose=Purpose.TREATMENT)
SIGNED = {"authorization": "Bearer x"}


def make(aegis=None, app=None):
    app = app or Flask("clinic")
    install(app, aegis)

    @app.get("/fails/<what>")
    def fails(what):
        try:
            raise KeyError(what)
        except KeyError as error:
            error.add_note(what)
            raise RuntimeError(f"no bed for {what}") from error

    @app.get("/validates/<what>")
    def validates(what):
        return Bed(ward=what).model_dump()

    @app.get("/breaks-off/<what>")
    def breaks_off(what):
        def body():
            yield "one"
            raise RuntimeError(what)

        return body()

    @app.get("/misses/<code>")
    def misses(code):
        raise AegisError(ErrorCode(code), "there is no such report", retry_after=1.5)

    @app.get("/aborts")
    def aborts():
        flask.abort(418)

    return app


def shown(error):
    """All that a library could print of an exception, locals of frames included, from the application inwards."""
    outside = [at for at, (frame, _) in enumerate(traceback.walk_tb(error.__traceback__)) if "scrubbing" in str(frame)]
    for _ in range(outside[-1] + 1 if outside else 0):  # frames of the server hold what it was sent
        error.__traceback__ = error.__traceback__.tb_next
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format()) + repr(vars(error)) + repr(error.args)


@pytest.mark.parametrize("path", ["fails", "validates"])
def test_what_nobody_foresaw_is_told_without_its_text_to_client_log_and_signals(phi_canary, path, caplog):
    app = make()
    heard = []

    def hear(sender, exception):
        heard.append(exception)

    got_request_exception.connect(hear, app)
    answer = app.test_client().get(f"/{path}/{phi_canary.patient['name']}")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert (answer.json["code"], "detail" in answer.json) == ("internal", False)
    (record,) = [record for record in caplog.records if record.name == "clinic"]
    assert record.getMessage() == f"Exception in /{path}/<what> [GET]"
    assert f"in {path}" in caplog.text
    assert heard[0] is record.exc_info[1]
    assert "handle" not in [frame.f_code.co_name for frame, _ in traceback.walk_tb(heard[0].__traceback__)]  # knows it
    assert type(heard[0]) is {"fails": RuntimeError, "validates": ValueError}[path]
    phi_canary.assert_absent(answer.data, shown(heard[0]), shown(record.exc_info[1]))


@pytest.mark.parametrize("setting", ["testing", "debug"])
@pytest.mark.parametrize(("path", "kind"), [("fails", "RuntimeError"), ("validates", "ValidationError")])
def test_what_is_handed_on_to_the_server_has_lost_its_text_and_locals(phi_canary, setting, path, kind):
    app = make()
    setattr(app, setting, True)
    with pytest.raises(Exception) as raised:
        app.test_client().get(f"/{path}/{phi_canary.patient['name']}")
    assert kind in shown(raised.value)
    assert f"in {path}" in shown(raised.value)
    phi_canary.assert_absent(shown(raised.value))


def test_a_body_that_breaks_off_does_so_without_its_text(phi_canary):
    closed = []

    def around(environ, start_response):
        body = make().wsgi_app(environ, start_response)
        parts = iter(body)
        assert next(parts) == b"one"
        try:
            next(parts)
        except RuntimeError as error:
            closed.append(error)
        finally:
            body.close()
        return []

    Client(around).get(f"/breaks-off/{phi_canary.patient['name']}")
    (error,) = closed
    assert "in body" in shown(error)
    phi_canary.assert_absent(shown(error))


@pytest.mark.parametrize(
    ("code", "status"), [(ErrorCode.NOT_FOUND, 404), (ErrorCode.UNAVAILABLE, 503), (ErrorCode.CONFLICT, 409)]
)
def test_an_error_of_ours_has_the_status_of_its_code(code, status):
    answer = make(Aegis()).test_client().get(f"/misses/{code.value}")
    assert (answer.status_code, answer.json["code"], answer.headers["retry-after"]) == (status, code.value, "2")
    assert ("detail" in answer.json) == (status < 500)
    assert answer.json["request_id"] == answer.headers["x-request-id"]


def test_settings_that_are_wrong_are_for_the_log_and_not_for_who_asked(monkeypatch, tmp_path, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AEGIS_ENV", raising=False)
    app = make()
    app.get("/files")(lambda: services.storage.stat("x").key)
    services = PerProcess(Aegis())
    answer = app.test_client().get("/files")
    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert "AEGIS_ENV" not in answer.text
    assert "AEGIS_ENV: is missing" in caplog.text


def test_what_the_application_aborts_with_stays_its_own():
    client = make().test_client()
    assert client.get("/aborts").status_code == 418
    assert client.get("/nowhere").status_code == 404


def test_werkzeugs_debugger_is_refused(phi_canary):
    app = make()
    app.debug = True
    served = {"SERVER_SOFTWARE": "Werkzeug/3"}
    client = Client(DebuggedApplication(app, evalex=True))
    answer = client.get(f"/fails/{phi_canary.patient['name']}", environ_overrides=served)
    assert answer.status_code == 501
    assert "--no-debugger" in json.loads(answer.data)["detail"]
    phi_canary.assert_absent(answer.data)


def test_a_view_and_a_blueprint_know_who_acts_and_nobody_does_afterwards():
    app = make()
    seen = []
    wards = Blueprint("wards", __name__)
    clinician.guard(wards)

    @app.get("/one")
    @clinician
    def one():
        seen.append(current())
        with acting(current().principal, purpose=Purpose.EMERGENCY, subject="HN-00042"):
            return ""

    @wards.get("/streams")
    def streams():
        def body():
            seen.append(current())
            yield "x"
            seen.append(current())
            yield "y"

        return flask.stream_with_context(body())

    app.register_blueprint(wards, url_prefix="/wards")
    client = app.test_client()
    for path in ("/one", "/wards/streams"):
        refused = client.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.content_type == "application/problem+json"
        assert client.get(path, headers=SIGNED).text == {"/one": "", "/wards/streams": "xy"}[path]
    assert [(found.principal.id, found.purpose) for found in seen] == [("dr-malee", Purpose.TREATMENT)] * 3
    assert current().principal is None


def test_guards_around_guards_are_left_in_order():
    app = make()
    clinician.guard(app)
    billing = Blueprint("billing", __name__)
    signed_in(check, purpose=Purpose.PAYMENT).guard(billing)
    billing.get("/")(lambda: current().purpose.value)
    app.register_blueprint(billing, url_prefix="/billing")
    answer = app.test_client().get("/billing/", headers=SIGNED)
    assert answer.text == Purpose.PAYMENT.value
    assert current().principal is None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "kinds", [[RuntimeError, AegisError], [Exception], [500, AegisError], [HTTPException, AegisError]]
)
def test_handlers_of_the_applications_own_win_whenever_they_were_added(when, kinds):
    app = make() if when == "after" else Flask("clinic")
    for kind in kinds:
        app.register_error_handler(kind, lambda error: ("busy", 503))
    if when == "before":
        app = make(app=app)
    client = app.test_client()
    answers = [client.get(path) for path in ("/fails/x", "/misses/not_found")]
    assert [(answer.status_code, answer.text) for answer in answers] == [(503, "busy")] * 2


def test_an_error_on_our_side_is_in_the_log_with_its_place_and_one_of_the_callers_is_not(caplog):
    client = make(Aegis()).test_client()
    answer = client.get("/misses/unavailable")
    (record,) = [record for record in caplog.records if record.name == "clinic"]
    assert record.getMessage() == f"Exception in /misses/<code> [GET] (request {answer.headers['x-request-id']})"
    assert "in misses" in caplog.text
    caplog.clear()
    client.get("/misses/not_found")
    assert not caplog.records


@pytest.mark.parametrize("aegis", [None, Aegis()])
def test_nobody_acts_in_the_next_request_whatever_fails_at_the_end_of_this_one(phi_canary, aegis):
    app = make(aegis)
    wards = Blueprint("wards", __name__)
    clinician.guard(wards)
    wards.get("/ends")(lambda: current().principal.id)
    app.get("/who")(lambda: str(current().principal))

    @wards.teardown_request
    def fails(error):  # before the guard's own
        raise LookupError(phi_canary.patient["name"])

    app.register_blueprint(wards)
    with pytest.raises(LookupError) as raised:
        app.test_client().get("/ends", headers=SIGNED)
    assert app.test_client().get("/who").text == "None"
    assert current().principal is None
    phi_canary.assert_absent(shown(raised.value))


def test_flasks_test_client_keeps_the_context_of_its_request_as_ever():
    app = make(Aegis())
    with app.test_client() as client:
        assert client.get("/misses/not_found?ward=4B").status_code == 404
        assert flask.request.args["ward"] == "4B"


def test_installing_twice_is_refused():
    app = make()
    with pytest.raises(AegisError, match="call it once") as raised:
        install(app)
    assert raised.value.code is ErrorCode.INVALID_ARGUMENT


def test_a_record_is_logged_by_flask_as_the_standard_library_does(caplog):
    with caplog.at_level(logging.ERROR):
        make().test_client().get("/fails/x")
    assert "Exception in /fails/<what> [GET]" in caplog.messages


def test_a_redacting_handler_writes_the_route_too():
    app = make()
    written = io.StringIO()
    app.logger.addHandler(redacting(logging.StreamHandler(written)))
    app.test_client().get("/fails/x")
    assert written.getvalue().startswith("Exception in /fails/<what> [GET]\n")
