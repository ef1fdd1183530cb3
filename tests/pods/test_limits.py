"""The service runs under the limits of its manifest, writes in its volumes alone, and refuses to run without them."""

import json
import shutil
from pathlib import Path

import attrs
import pytest

from tests.pods.pod import ROOT, give_to_group

DOCUMENT = json.dumps({"mrn": "HN-690001", "text": "Haemoglobin 9.1 g/dl"}).encode()
#: Tries to write wherever a program may think of, and says where it could.
WRITER = """
import os, sys, tempfile
for place in sys.argv[1:]:
    try:
        with open(os.path.join(place, "planted"), "w") as file:
            file.write("x")
        print("wrote", place)
    except OSError as error:
        print("refused", place, error.errno)
"""


def changed(running):
    """What lies in a container's own layer: places for mounts, and whatever was written."""
    return {str(path.relative_to(running.layer)) for path in running.layer.rglob("*")}


def test_it_starts_and_serves_and_ends_well(pod, service):
    running = pod.start(service).started()
    assert running.probe("liveness")
    assert running.probe("readiness")
    status, content, headers = running.ask("/documents", DOCUMENT)
    assert status == 201
    assert set(content) == {"document", "event"}
    assert "x-request-id" in headers
    assert "HN-690001" not in running.log
    assert running.terminate() == 0


def test_the_process_has_the_user_and_the_rights_that_the_manifest_says(pod, service):
    running = pod.start(service).started()
    status = running.status()
    assert status["Uid"].split() == [str(service.user)] * 4
    assert status["Gid"].split() == [str(service.group)] * 4
    assert status["Groups"].split() == [str(service.fs_group)]
    for rights in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[rights], 16) == 0, rights
    assert status["NoNewPrivs"] == "1"
    assert status["NSpid"].split()[-1] == "1"


def test_there_is_no_network_but_the_loopback(pod, service):
    seen = pod.run(service, ["python", "-c", "import socket; print([name for _, name in socket.if_nameindex()])"])
    assert seen.log.strip() == "['lo']"


def test_only_the_volumes_can_be_written(pod, service):
    places = ["/", "/etc", "/var/tmp", "/run/secrets", "/var/lib", str(Path(__file__).parents[2])]
    volumes = [mount.path for mount in service.mounts if not mount.read_only]
    seen = pod.run(service, ["python", "-c", WRITER, *places, *volumes])
    assert seen.code == 0, seen.log
    wrote = {line.split()[1] for line in seen.log.splitlines() if line.startswith("wrote")}
    assert wrote == set(volumes)
    assert len(volumes) == 3


def test_it_writes_nowhere_else_even_where_it_could(make_pod, service):
    """Under a root that can be written, so that an attempt shows: a read-only one would hide it."""
    service = attrs.evolve(service, read_only_root=False)
    untouched = changed(make_pod().run(service, ["true"]))
    pod = make_pod()
    running = pod.start(service).started()
    assert running.ask("/documents", DOCUMENT)[0] == 201
    assert running.probe("readiness")
    assert running.terminate() == 0
    assert changed(running) == untouched
    ours = ROOT.parts[2] if ROOT.parts[1] == "tmp" else None  # where a checkout below /tmp is laid on again
    assert [path.name for path in (running.place / "mounts" / "tmp").iterdir() if path.name != ours] == []
    assert sorted(path.name for path in pod.volumes.iterdir()) == ["keys-records-0", "records-records-0"]
    planted = pod.run(service, ["python", "-c", WRITER, "/var/tmp"])
    assert changed(planted) - untouched >= {"var/tmp/planted"}  # an attempt does show


def test_a_volume_that_is_missing_is_no_reason_to_write_elsewhere(pod, service):
    for path in ("/var/lib/records", "/var/lib/records-keys"):
        ended = pod.run(service.without(path))
        assert ended.code == 1, ended.log
        (told,) = [json.loads(line) for line in ended.log.splitlines() if "service.failed" in line]
        assert told["code"] == "unsupported"
        assert "lies on a overlay file system, and a container's layer goes with the container" in told["reason"]


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("AEGIS_AUDIT", "file:///var/tmp/audit"),
        ("AEGIS_AUDIT", "sqlite:///var/tmp/audit.db"),
        ("AEGIS_STORAGE", "file:///var/tmp/documents"),
        ("AEGIS_SUBJECT_KEYS", "sqlite:///var/tmp/subject-keys.db"),
        ("AEGIS_KEYS", "file:///var/tmp/vault?passphrase=vault-passphrase"),
        ("AEGIS_KEYS", "file:///dev/shm/vault?passphrase=vault-passphrase"),
    ],
)
def test_nothing_that_must_last_is_put_on_a_containers_layer(pod, service, variable, url):
    """Where the root can be written, too: there nobody but Aegis would notice."""
    ended = pod.run(attrs.evolve(service, read_only_root=False).saying(**{variable: url}))
    assert ended.code == 1
    (told,) = [json.loads(line) for line in ended.log.splitlines()]
    assert told["event"] == "service.failed"
    assert told["code"] == "unsupported"
    kind = "tmpfs" if "/dev/shm" in url else "overlay"
    assert f"lies on a {kind} file system" in told["reason"]
    assert told["reason"].endswith("name a folder on a local disk")
    assert not any("var/tmp/" in path for path in changed(ended))


def test_an_empty_dir_on_the_nodes_disk_cannot_be_told_from_a_volume(pod, service):
    """What the guide says is not caught: a local disk, and gone with the pod."""
    mounts = [attrs.evolve(mount, kind="emptyDir") if mount.kind == "claim" else mount for mount in service.mounts]
    running = pod.start(attrs.evolve(service, mounts=mounts)).started()
    assert running.probe("readiness")
    assert running.terminate() == 0


@pytest.mark.parametrize(
    "variable", ["AEGIS_AUDIT", "AEGIS_STORAGE", "AEGIS_SUBJECT_KEYS", "AEGIS_KEYS", "AEGIS_ORIGIN"]
)
def test_a_place_that_is_not_named_is_refused_and_never_guessed(pod, service, variable):
    bare = attrs.evolve(service, environ={key: text for key, text in service.environ.items() if key != variable})
    ended = pod.run(bare)
    assert ended.code == 2
    problems = [json.loads(line)["problem"] for line in ended.log.splitlines()]
    assert any(problem.startswith(variable) for problem in problems)
    assert not list(pod.volumes.glob("*/*"))


def test_a_secret_that_is_not_mounted_is_named_before_anything_is_opened(pod, service):
    ended = pod.run(service.without("/run/secrets"))
    assert ended.code == 2
    assert "AEGIS_KEYS: names a passphrase that is no secret here" in ended.log
    assert not list(pod.volumes.glob("*/*"))


def test_the_limit_of_memory_holds_and_is_enough(pod, service):
    running = pod.start(service).started()
    if not running.cgroup:
        pytest.skip("this machine lets nobody make a control group")
    for _ in range(50):
        assert running.ask("/documents", DOCUMENT)[0] == 201
    assert running.terminate() == 0
    assert running.peak < service.memory * 0.8
    hungry = pod.run(service, ["python", "-c", f"held = b'x' * {service.memory}; print('held')"])
    assert hungry.code == 1
    assert hungry.oom_kills == 1
    assert "held" not in hungry.log


def test_the_kubelets_gift_to_the_group_leaves_keys_alone_only_with_on_root_mismatch(pod, service):
    for _ in range(2):  # each start mounts the volumes anew
        running = pod.start(service).started()
        assert running.ask("/documents", DOCUMENT)[0] == 201
        assert running.terminate() == 0
    always = pod.run(attrs.evolve(service, change_policy="Always"))
    assert always.code == 1
    assert "is open to others" in always.log


def test_a_copy_of_the_data_without_the_keys_opens_nothing(make_pod, service):
    pod = make_pod()
    running = pod.start(service).started()
    assert running.ask("/documents", DOCUMENT)[0] == 201
    assert running.terminate() == 0
    shutil.rmtree(pod.volumes / "keys-records-0")
    (pod.volumes / "keys-records-0").mkdir()
    give_to_group(pod.volumes / "keys-records-0", service.fs_group, service.change_policy)
    ended = pod.run(service)
    assert ended.code not in {0, 75}
    assert "service.failed" in ended.log
    files = [path.read_bytes() for path in (pod.volumes / "records-records-0").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not any(b"HN-690001" in octets or b"Haemoglobin" in octets for octets in files)
