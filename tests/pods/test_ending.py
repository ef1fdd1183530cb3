"""However a pod ends, nothing that it acknowledged is lost; asked to end, it leaves in order and in time."""

import contextlib
import http.client
import json
import signal
import time

import pytest

from examples.service.times import Times
from tests.pods.crowd import Crowd
from tests.pods.pod import ROOT, until

READING = ["python", str(ROOT / "tests" / "pods" / "reading.py")]


def kept(pod, container):
    """What the volumes hold, read by a container of the same pod."""
    seen = pod.run(container, READING)
    assert seen.code == 0, seen.log
    return json.loads(seen.log)


def assert_kept(found, crowd):
    assert found["intact"]
    filed = found["events"]["document.filed"]
    assert len(filed) == len(set(filed))
    assert set(crowd.promised) <= set(filed)
    for document, digest in crowd.promised.items():
        assert found["documents"][document] == digest


class Half:
    """A request whose second half is still to come."""

    def __init__(self, running, text):
        self._body = json.dumps({"mrn": "HN-2", "text": text}).encode()
        self._connection = http.client.HTTPConnection("127.0.0.1", running.container.port)
        self._connection.sock = running.connect()
        self._connection.putrequest("POST", "/documents")
        self._connection.putheader("content-length", str(len(self._body)))
        self._connection.endheaders(self._body[: len(self._body) // 2])

    def finish(self):
        with contextlib.closing(self._connection):
            self._connection.send(self._body[len(self._body) // 2 :])
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.getheader("connection")


def is_listening(running):
    try:
        running.connect().close()
    except OSError:
        return False
    return True


def test_sigterm_in_the_middle_of_many_requests_drains_and_loses_nothing(pod, service, job):
    running = pod.start(service).started()
    crowd = Crowd(running)
    until(lambda: len(crowd.promised) > 60, "a crowd at work", 60)
    half = Half(running, "begun before, finished after")
    began = time.monotonic()
    running.signal(signal.SIGTERM)

    until(lambda: not running.probe("readiness"), "not ready any more", 30)
    # Told to leave, and still there for whoever has not heard it.
    status, content, headers = running.ask("/readyz")
    assert (status, content) == (503, {"state": "leaving"})
    assert headers["connection"] == "close"
    assert running.probe("liveness")
    assert running.probe("startup")
    crowd.leave()
    assert crowd.others == []

    until(lambda: not is_listening(running), "no new connections", 30)
    assert time.monotonic() - began >= Times.read(service.environ).leave
    assert running.code is None
    status, content, connection = half.finish()
    assert status == 201
    assert connection == "close"

    assert running.wait(service.grace - service.pre_stop) == 0, running.log
    assert time.monotonic() - began < service.grace - service.pre_stop
    assert "service.closed" not in running.log  # it tells of a report that is not clean

    found = kept(pod, service)
    assert_kept(found, crowd)
    assert content["document"] in found["documents"]
    # Submitted and never awaited: settled all the same.
    assert set(found["events"]["document.acknowledged"]) == {*crowd.promised, content["document"]}
    assert pod.run(job).code == 0


def test_a_request_that_never_ends_does_not_keep_the_pod(pod, service):
    service = service.saying(SERVICE_REQUEST_SECONDS="1", SERVICE_LEAVE_SECONDS="0")
    running = pod.start(service).started()
    half = Half(running, "never finished")
    running.signal(signal.SIGTERM)
    assert running.wait(service.grace - service.pre_stop) == 0, running.log
    with contextlib.suppress(OSError, http.client.HTTPException):  # ended while it still sent
        status, content, _ = half.finish()
        assert status == 503
        assert "too long" in content["error"]
    assert kept(pod, service)["documents"] == {}


def test_sigterm_before_it_is_open_ends_it_at_once(pod, service):
    service = service.saying(AEGIS_KEYS="vault://transit/phi?addr=https://127.0.0.1:8200", VAULT_TOKEN="t")
    running = pod.start(service)
    until(lambda: "service.waiting" in running.log, "the first attempt", 30)
    assert running.probe("liveness")
    assert not running.probe("startup")
    assert not running.probe("readiness")
    assert running.ask("/documents", b'{"mrn": "HN-1", "text": "x"}')[0] == 503
    assert running.terminate() == 0
    assert "service.open" not in running.log


@pytest.mark.parametrize("after", [1, 25, 120])
def test_sigkill_loses_nothing_that_was_acknowledged(pod, service, job, after):
    running = pod.start(service).started()
    crowd = Crowd(running)
    until(lambda: len(crowd.promised) >= after, "promises", 60)
    running.signal(signal.SIGKILL)
    running.wait(20)
    crowd.leave()
    assert crowd.others  # they were in the middle of it

    again = pod.start(service).started()
    assert again.probe("readiness")
    assert pod.run(job).code == 0  # beside the service, on the same volumes
    found = kept(pod, service)
    assert_kept(found, crowd)
    assert again.ask("/documents", b'{"mrn": "HN-1", "text": "and on it goes"}')[0] == 201
    assert again.terminate() == 0
