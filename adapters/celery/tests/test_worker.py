"""With a real worker and a real broker: what lies there, what is logged and what is sent tells nothing."""

import json
import re

import pytest

SENT = """
mrn = PATIENT["mrn"]
sent = [remind.delay(PATIENT, at=mrn), fails.delay(PATIENT), tries.delay(PATIENT), tries_alone.delay(mrn),
        noted.delay(mrn), remind.apply_async((PATIENT,), countdown=0.2)]
assert sent[0].get(timeout=30) == {"reminded": PATIENT}
assert sent[5].get(timeout=30) == {"reminded": PATIENT}
asked.delay("on_retry", PATIENT)  # not every pool has an answer then
for name in ("on_success", "after_return"):
    asked.delay(name, PATIENT).get(timeout=30)
sent = [*sent[1:5], asked.delay("before_start", PATIENT)]
errors = [repr(each.get(timeout=30, propagate=False)) for each in sent]
asked.delay("on_failure", PATIENT)  # the end of a solo worker
print(json.dumps([*errors, *(each.traceback for each in sent)]))
"""
POOLS = [("--pool", "prefork", "-c", "2"), ("--pool", "threads", "-c", "2"), ("--pool", "solo")]
ACTING = """
def as_malee():
    return acting(Principal("dr-malee", verified_by="test", roles=frozenset({"clinician"}), tenant="eu"),
                  purpose=Purpose.TREATMENT, subject=PATIENT["mrn"])
"""


def patient(phi_canary):
    return f"PATIENT = {dict(phi_canary.patient)!r}\n"


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool[1])
def test_nothing_of_a_task_is_told_anywhere(pool, worker, produce, broker, phi_canary):
    running = worker(*pool)
    told = produce(patient(phi_canary) + SENT)
    running.says(", in on_failure")
    log = running.stop()
    written = broker.written()
    phi_canary.assert_absent(log, told, written)
    errors = json.loads(told)
    for error in errors[:5]:
        assert error.startswith("LookupError(")
    assert "in fails" in errors[5]
    assert "in before_start" in errors[9]
    assert ", in on_retry" in log
    assert "on_success handler raised" in log
    assert "after_return handler raised" in log
    assert "Signal handler <function listens" in log
    assert "clinic.remind" in log
    assert "succeeded" in log
    assert b"task-succeeded" in written  # events were sent
    assert b"aegis.sealed" in written


def test_whoever_inspects_a_worker_gets_sealed_answers(worker, produce, broker, phi_canary):
    running = worker()
    told = produce(
        patient(phi_canary)
        + "remind.apply_async((PATIENT,), countdown=1000)\n"
        + "while not (found := app.control.inspect(timeout=5).scheduled()) or not any(found.values()): pass\n"
        + "print(found)"
    )
    assert phi_canary.patient["mrn"] in told  # who has the keys may look
    phi_canary.assert_absent(running.stop(), broker.written())


def test_without_a_keyring_bodies_are_as_they_were_and_all_else_is_silent(worker, produce, broker, phi_canary):
    running = worker(UNSEALED="1")
    told = produce(patient(phi_canary) + SENT, UNSEALED="1")
    outer = "outer = from_headers({}, trusted=False)\n"
    acted = "with using(outer), as_malee():\n    found = whose.delay().get(timeout=30)\n"
    ids = "[outer.request_id, outer.correlation_id, outer.trace_id]"
    shown = f"assert found.pop('ids') == {ids}\nprint(set(found.values()))"
    assert produce(patient(phi_canary) + ACTING + outer + acted + shown, UNSEALED="1") == "{None}\n"
    phi_canary.assert_absent(running.stop(), told)
    for key in broker.redis.scan_iter("celery-task-meta-*"):
        result = json.loads(broker.redis.get(key))
        assert "args" not in result  # result_extended
        if result["status"] == "FAILURE":
            phi_canary.assert_absent(json.dumps(result))
    headers = re.findall(rb'"(argsrepr|kwargsrepr)": "([^"]*)"', broker.written())
    assert {shown for _, shown in headers} == {b", ..."}


def test_the_search_finds_what_an_application_without_it_tells(worker, produce, broker, phi_canary):
    running = worker(BARE="1")
    told = produce(patient(phi_canary) + SENT, BARE="1")
    for place in (running.stop(), told, broker.written()):
        with pytest.raises(AssertionError, match="canary was seen"):
            phi_canary.assert_absent(place)


@pytest.mark.parametrize("pool", POOLS[:2], ids=lambda pool: pool[1])
def test_the_context_arrives_and_lasts_through_retries_chains_and_chords(pool, worker, produce, broker, phi_canary):
    running = worker(*pool)
    told = json.loads(
        produce(
            patient(phi_canary)
            + ACTING
            + """
from celery import chain, chord, group
outer = from_headers({}, trusted=False)
with using(outer), as_malee():
    sent = [whose.delay(), retried.delay(PATIENT["mrn"]), chain(whose.s(), after.s()).delay(),
            group(whose.s(), whose.s()).delay(), chord([whose.s(), whose.s()], joined.s()).delay()]
alone = whose.delay()
found = [each.get(timeout=30) for each in sent]
print(json.dumps([found[0], found[1], *found[2], *found[3], *found[4], alone.get(timeout=30)]))
sys.stderr.write(outer.request_id)
print(json.dumps([outer.request_id, outer.correlation_id, outer.trace_id]))
"""
        )
        .replace("\n", ",", 1)
        .join("[]")
    )
    contexts, ids = told
    assert len(contexts) == 10
    for context in contexts[:-1]:
        assert context == {
            "principal": ["dr-malee", []],  # its roles stay behind
            "purpose": "TREAT",
            "tenant": "eu",
            "subject": phi_canary.patient["mrn"],
            "ids": ids,
        }
    assert contexts[-1]["principal"] is None
    assert contexts[-1]["subject"] is None
    assert contexts[-1]["ids"][2] != ids[2]
    phi_canary.assert_absent(running.stop(), broker.written())
    assert b"dr-malee" not in broker.written()
    assert ids[0].encode() in broker.written()


def test_a_retry_carries_the_context_in_which_it_was_asked_for(worker, produce):
    worker()
    assert produce("print(handed_on.delay().get(timeout=30)['principal'][0])") == "night-shift\n"


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool[1])
def test_a_warm_shutdown_records_what_was_submitted(pool, worker, produce, tmp_path):
    running = worker(*pool, SLOW=str(tmp_path / "home" / "audit"))
    produce("submits.delay(40)")
    running.says("submits its events")
    running.stop()
    assert produce("print(len(list(aegis.audit.entries())))").strip() == "40"
