"""Hooks of the caller's own come first, and whatever they give is made anew."""

import logging
from types import SimpleNamespace

import pytest
import sentry_sdk

import aegis_sentry
from aegis_core import AegisError, ErrorCode, scrub
from aegis_sentry import Hooks

OPTIONS = {"default_integrations": False, "auto_enabling_integrations": False, "traces_sample_rate": 1.0}


@pytest.fixture
def started(received):
    def start(**options):
        aegis_sentry.init(dsn=received.dsn, **OPTIONS, **options)

    yield start
    sentry_sdk.flush(10)
    sentry_sdk.get_client().close(timeout=10)
    sentry_sdk.get_global_scope().set_client(None)


def test_the_callers_own_hooks_are_called_first_and_cannot_open_a_door(started, received, phi_canary):
    name = phi_canary.patient["name"]

    def own(event, hint):
        event["extra"] = {"who": name, "beds": 2}
        event["unheard_of"] = name
        return event

    def own_crumb(crumb, hint):
        return None if crumb["category"] == "noise" else {**crumb, "message": name}

    def raises(event, hint):
        raise ValueError(name)

    started(before_send=own, before_breadcrumb=own_crumb, before_send_transaction=raises)
    with sentry_sdk.new_scope():
        sentry_sdk.add_breadcrumb(category="noise", message=name)
        sentry_sdk.add_breadcrumb(category="ward", message=name)
        sentry_sdk.capture_message("ward is full")
        with sentry_sdk.start_transaction(name="admit") as transaction:
            transaction.set_data("who", name)
    sentry_sdk.flush(10)
    (event,) = received.of("event")
    assert (event["message"], event["extra"]) == ("ward is full", {"who": "[text]", "beds": 2})
    assert [crumb["category"] for crumb in event["breadcrumbs"]["values"]] == ["ward"]
    assert len(received.of("transaction")) == 1
    phi_canary.assert_absent(*received.bodies)


def test_what_the_caller_drops_is_dropped(started, received):
    started(before_send=lambda event, hint: None)
    sentry_sdk.capture_message("ward is full")
    sentry_sdk.flush(10)
    assert received.of("event") == []


def test_a_hook_that_cannot_cope_leaves_nothing_as_it_was():
    class Strange(dict):
        def get(self, *args):
            raise RuntimeError

    hooks = Hooks()
    assert hooks.before_breadcrumb(Strange(message="Somchai"), {}) is None
    assert hooks.before_send_span({"name": "Somchai", "attributes": Strange()}, {})["name"] == "[text]"


def test_texts_that_are_named_may_be_sent_and_marked_ones_by_no_mistake(started, received, phi_canary):
    started(keep={"tenant", "order"})
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("tenant", "eu")
        scope.set_extra("order", "o-17")
        scope.set_extra("who", phi_canary.patient["name"])
        sentry_sdk.capture_message("ward is full")
    sentry_sdk.flush(10)
    (event,) = received.of("event")
    assert (event["tags"], event["extra"]) == ({"tenant": "eu"}, {"order": "o-17", "who": "[text]"})


def test_an_error_of_ours_keeps_its_sentence_and_a_stand_in_its_type(started, received, phi_canary):
    started()
    error = AegisError(ErrorCode.NOT_FOUND, "there is no such report")
    error.add_note(phi_canary.patient["name"])
    sentry_sdk.capture_exception(error)

    class Foreign(ValueError): ...

    sentry_sdk.capture_exception(scrub(Foreign(phi_canary.patient["name"])))
    sentry_sdk.flush(10)
    ours, foreign = (event["exception"]["values"][0] for event in received.of("event"))
    assert ours["value"] == "there is no such report"
    assert (foreign["type"], "value" in foreign) == ("Foreign", False)
    assert foreign["module"].startswith(f"{__name__}.test_an_error_of_ours")
    phi_canary.assert_absent(*received.bodies)


@pytest.mark.parametrize(
    "option",
    [
        {"include_local_variables": True},
        {"send_default_pii": True},
        {"max_request_body_size": "small"},
        {"data_collection": {}, "send_default_pii": True},
        {"integrations": [SimpleNamespace(identifier="otlp")]},
    ],
    ids=lambda option: next(iter(option)),
)
def test_an_option_that_opens_a_door_is_refused(option):
    with pytest.raises(AegisError, match=next(iter(option))):
        aegis_sentry.init(dsn=None, **option)
    assert sentry_sdk.get_client().dsn is None


def test_saying_once_more_that_it_is_shut_is_no_mistake(started):
    started(send_default_pii=False, include_local_variables=False)
    assert sentry_sdk.get_client().options["include_local_variables"] is False


def test_what_a_caller_says_of_its_trace_is_not_passed_on(started, received, phi_canary):
    started()
    said = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-sample_rate=1.0"
    name = phi_canary.patient["mrn"]
    headers = {
        "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "baggage": f"{said},sentry-transaction={name},sentry-user_id={name},sentry-whatever={name}",
    }
    with sentry_sdk.start_transaction(sentry_sdk.continue_trace(headers, name="admit")):
        pass
    sentry_sdk.flush(10)
    assert b'"sample_rate":"1.0"' in received.bodies[0]
    phi_canary.assert_absent(*received.bodies)


def test_messages_that_were_put_together_before_are_withheld(phi_canary):
    # As loguru's handlers and logs hand them over.
    said = f"no bed for {phi_canary.patient['name']}"
    record = logging.makeLogRecord({"name": "ward", "msg": said, "extra": {}})
    hooks = Hooks()
    crumb = hooks.before_breadcrumb({"category": "ward", "message": said}, {"log_record": record})
    event = hooks.before_send({"logentry": {"message": said}}, {"log_record": record})
    line = hooks.before_send_log({"body": said, "attributes": {"sentry.origin": "auto.log.loguru"}}, {})
    assert (crumb["message"], event["logentry"], line["body"]) == ("[text]", {"message": "[text]"}, "[text]")


def test_only_what_the_server_fills_in_is_left_of_a_fingerprint():
    given = {"fingerprint": ["{{ default }}", "{{ error.type }}", "{{ Somchai Jaidee }}", 7]}
    assert Hooks().before_send(given, {})["fingerprint"] == ["{{ default }}", "{{ error.type }}", "[text]", 7]


def test_spans_that_are_sent_by_themselves_are_made_anew(phi_canary):
    name = phi_canary.patient["name"]
    hooks = Hooks()
    span = hooks.before_send_span(
        {"name": f"GET /{name}", "is_segment": True, "attributes": {"who": name, "http.status_code": 200}}, {}
    )
    assert (span["name"], span["attributes"]) == ("[url]", {"who": "[text]", "http.status_code": 200})
    query = {"name": f"SELECT '{name}'", "attributes": {"sentry.op": "db", "db.query.text": f"SELECT '{name}'"}}
    told = hooks.before_send_span(query, {})
    assert (told["name"], told["attributes"]) == ("SELECT", {"sentry.op": "db", "db.query.text": "SELECT"})
