"""The service runs under the limits of its manifest, writes in its volumes alone, and refuses to run without them."""

import json

DOCUMENT = json.dumps({"mrn": "HN-690001", "text": "Haemoglobin 9.1 g/dl"}).encode()


def test_it_starts_and_serves_and_ends_well(pod, service):
    running = pod.start(service).started()
    assert running.probe("liveness")
    assert running.probe("readiness")
    status, content, headers = running.ask("/documents", DOCUMENT)
    assert status == 201
    assert set(content) == {"document", "event"}
    assert "x-request-id" in headers
    assert "HN-690001" not in running.log
    running.signal(15)
    assert running.wait(service.grace) == 0


def test_the_limits_are_those_of_the_manifest(pod, service):
    running = pod.start(service).started()
    status = running.status()
    assert status["Uid"].split() == [str(service.user)] * 4
    assert status["Gid"].split() == [str(service.group)] * 4
    assert status["Groups"].split() == [str(service.fs_group)]
    for rights in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[rights], 16) == 0, rights
    assert status["NoNewPrivs"] == "1"
    assert status["NSpid"].split()[-1] == "1"
