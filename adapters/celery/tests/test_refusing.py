"""Messages that a worker should not run: sealed with other keys, moved to another task, not sealed at all."""

import json

import pytest

MOVED = """
remind.delay(MRN)
with app.connection_for_read() as connection:
    message = connection.SimpleQueue("celery").get(timeout=10)
    message.ack()
    headers = {**message.headers, **HEADERS}
    connection.Producer().publish(
        message.body, routing_key="celery", content_type=message.content_type,
        content_encoding=message.content_encoding, headers=headers, correlation_id=headers["id"])
print(headers["id"])
"""


def lines(phi_canary, text=""):
    return f"MRN = {phi_canary.patient['mrn']!r}\nNAME = {phi_canary.patient['name']!r}\n{text}"


def test_a_message_sealed_with_other_keys_is_discarded_and_told_without_its_content(
    worker, produce, broker, phi_canary, tmp_path
):
    other = {"AEGIS_KEYS": f"file://{tmp_path}/other/keys", "AEGIS_STATE": f"file://{tmp_path}/other/state"}
    produce(lines(phi_canary, "remind.delay(MRN)"), **other)
    running = worker()
    running.says("Can't open a message")
    produce("assert remind.delay('x').get(timeout=30) == {'reminded': 'x'}")
    log = running.stop()
    phi_canary.assert_absent(log, broker.written())
    assert broker.redis.llen("celery") == 0


def test_an_old_producers_message_is_refused_and_its_body_is_not_logged(worker, produce, broker, phi_canary):
    produce(lines(phi_canary, "remind.delay(MRN, at=NAME)"), BARE="1")
    running = worker()
    running.says("Received an invalid message")
    log = running.stop()
    assert "clinic.remind" not in log.split(" ready.")[1]
    phi_canary.assert_absent(log)
    assert broker.redis.llen("celery") == 0


def test_an_old_producers_message_is_read_where_that_is_said(worker, produce, phi_canary):
    running = worker(ACCEPT_UNSEALED="1")
    sent = produce(
        lines(phi_canary)
        + "forged = {'aegis': {'task': 'clinic.whose', 'id': 'x', 'principal': ['root', 'us', None]}}\n"
        + "print(json.dumps([remind.delay(MRN, at=NAME).id, whose.apply_async(headers=forged).id]))",
        BARE="1",
    )
    told = produce(
        lines(phi_canary)
        + "from celery.result import AsyncResult\n"
        + f"reminded, whose = (AsyncResult(each, app=app).get(timeout=30) for each in {sent})\n"
        + "assert reminded == {'reminded': MRN}\n"
        + "print(json.dumps(whose))"
    )
    assert json.loads(told)["principal"] is None  # a header convinces nobody
    phi_canary.assert_absent(running.stop())


@pytest.mark.parametrize(
    "headers",
    [
        {"task": "clinic.asked"},
        {"id": "11111111-1111-4111-8111-111111111111"},
    ],
    ids=["task", "id"],
)
def test_a_body_that_was_moved_to_another_task_is_not_run(headers, worker, produce, broker, phi_canary):
    task_id = produce(lines(phi_canary, f"HEADERS = {headers!r}\n{MOVED}")).strip()
    running = worker()
    error = produce(
        "from celery.result import AsyncResult\n"
        f"print(repr(AsyncResult({task_id!r}, app=app).get(timeout=30, propagate=False)))"
    )
    assert "was sealed for another task" in error
    log = running.stop()
    assert "is asked" not in log  # before_start and on_failure would have its arguments
    phi_canary.assert_absent(log, error, broker.written())


def test_a_worker_that_is_killed_loses_nothing_that_it_acknowledges_late(worker, produce, broker, phi_canary, tmp_path):
    running = worker("--pool", "prefork", "-c", "1")
    marker = str(tmp_path / "started")
    told = produce(lines(phi_canary, f"print(survives.delay(MRN, {marker!r}).get(timeout=50))"))
    assert told.strip() == "survived"
    phi_canary.assert_absent(running.stop(), broker.written())


def test_a_worker_that_cannot_reach_its_keys_ends_and_the_broker_keeps_the_message(worker, produce, broker, phi_canary):
    produce(lines(phi_canary, "print(remind.delay(MRN).id)"))
    away = {"AEGIS_KEYS": "vault://transit/phi?addr=http://127.0.0.1:1", "VAULT_TOKEN": "none"}
    lost = worker("--pool", "solo", "--without-mingle", **away)
    lost.process.wait(60)
    log = lost.stop()
    assert lost.process.returncode == 1, log
    phi_canary.assert_absent(log)
    running = worker()
    running.says("succeeded")
    phi_canary.assert_absent(running.stop(), broker.written())
