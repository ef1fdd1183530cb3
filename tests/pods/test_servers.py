"""The manifest with servers, its URLs as they stand there: several pods, one trail, servers that go and come back."""

import contextlib
import itertools
import json
import socket
import urllib.request
from urllib.parse import urlsplit

import boto3.session
import psycopg
import pytest
from botocore.config import Config

from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.servers.certificates import certificate
from aegis_core.testing.servers.relay import Relay
from tests.pods.crowd import Crowd
from tests.pods.manifest import container
from tests.pods.pod import until
from tests.pods.test_ending import assert_kept, kept
from tests.pods.wire import Wire

BODY = json.dumps({"mrn": "HN-690001", "text": "Haemoglobin 9.1 g/dl"}).encode()


@pytest.fixture
def replica():
    return container("servers", "Deployment")


@pytest.fixture
def job():
    return container("servers", "CronJob")


class Servers:
    """PostgreSQL, an S3 store and a vault, prepared as somebody would before the first rollout.

    Arguments:
        running: name → server; PostgreSQL is new, the others may have served other tests.
    """

    def __init__(self, running, environ):
        self.running = running
        urls = {name: ServiceUrl.parse(environ[name]) for name in ("AEGIS_AUDIT", "AEGIS_STORAGE", "AEGIS_KEYS")}
        database, bucket, mount = urls["AEGIS_AUDIT"], urls["AEGIS_STORAGE"], urls["AEGIS_KEYS"]
        self.places = {
            "postgres": (database.host, database.port),
            "s3": _place(bucket.options["endpoint"]),
            "vault": _place(mount.options["addr"]),
        }
        with psycopg.connect(self.running["postgres"].endpoint.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {database.user} LOGIN PASSWORD 'not looked at'")
            connection.execute(f"CREATE DATABASE {database.path.strip('/')} OWNER {database.user}")
        s3 = self.running["s3"].endpoint
        session = boto3.session.Session(s3.facts["access_key"], s3.facts["secret_key"], region_name="us-east-1")
        client = session.client("s3", endpoint_url=s3.url, config=Config(s3={"addressing_style": "path"}))
        if bucket.host not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=bucket.host)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket.host):
            for each in page.get("Contents", ()):
                client.delete_object(Bucket=bucket.host, Key=each["Key"])
        client.close()
        if mount.host + "/" not in self._call("GET", "sys/mounts"):
            self._call("POST", f"sys/mounts/{mount.host}", {"type": "transit"})
        self._call("POST", f"{mount.host}/keys{mount.path}", {})  # the mount may be another test's
        self.secrets = {
            "records": {
                "s3-credentials": f"[default]\naws_access_key_id = {s3.facts['access_key']}\n"
                f"aws_secret_access_key = {s3.facts['secret_key']}\n",
                "vault-token": self.running["vault"].endpoint.facts["token"] + "\n",
            },
            "records-postgres": {"password": "not looked at"},
        }

    def _call(self, method, path, content=None):
        vault = self.running["vault"].endpoint
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(
            f"{vault.url}/v1/{path}", body, {"X-Vault-Token": vault.facts["token"]}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")


def _place(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port


@pytest.fixture
def make_servers(_possible, aegis_server, aegis_own_server, replica):
    def make(*own):
        kinds = {"postgres": "postgres", "s3": "seaweedfs", "vault": "openbao"}
        started = {
            name: (aegis_own_server if name in {"postgres", *own} else aegis_server)(kind)
            for name, kind in kinds.items()
        }
        return Servers(started, replica.environ)

    return make


@pytest.fixture
def servers(make_servers):
    return make_servers()


def wants_tls(connection):
    """PostgreSQL's clients ask for TLS in the open (Frontend/Backend Protocol, SSLRequest)."""
    if connection.recv(8, socket.MSG_WAITALL)[4:] != b"\x04\xd2\x16\x2f":
        return False
    connection.sendall(b"S")
    return True


@pytest.fixture
def make_replica(make_pod, tmp_path):
    """A pod where servers answer under the names of the manifest, with TLS before those of this machine."""
    with contextlib.ExitStack() as stack:

        def make(servers, *names):
            hosts = tuple(host for host, _ in servers.places.values())
            shown = certificate(tmp_path, *(names or hosts))
            maps = {"clinic-authority": {"ca.crt": shown.authority.read_text()}}
            pod = make_pod(secrets=servers.secrets, maps=maps, hosts=hosts)
            for name, (_, port) in servers.places.items():
                greet = {"greet": wants_tls} if name == "postgres" else {}
                relay = Relay(servers.running[name].endpoint.port, tls=shown.context, **greet)
                stack.enter_context(relay)
                stack.callback(Wire(pod.network, port, relay.port).close)
            return pod

        yield make


def test_several_pods_write_one_trail_and_drain_one_by_one(make_replica, servers, replica, job):
    first, second = make_replica(servers), make_replica(servers)
    one, two = first.start(replica).started(), second.start(replica).started()
    crowds = [Crowd(one, 4), Crowd(two, 4)]
    until(lambda: all(len(crowd.promised) >= 10 for crowd in crowds), "both at work", 90)
    one.signal(15)
    until(lambda: not one.probe("readiness"), "not ready any more", 20)
    crowds[0].leave()
    assert one.wait(replica.grace - replica.pre_stop) == 0, one.log
    assert two.probe("readiness")
    crowds[1].leave()
    assert [crowd.others for crowd in crowds] == [[], []], two.log
    assert second.run(job).code == 0
    found = kept(second, replica)
    for crowd in crowds:
        assert_kept(found, crowd)
    assert two.terminate() == 0
    assert set(kept(second, replica)["events"]["document.acknowledged"]) == {
        document for crowd in crowds for document in crowd.promised
    }


@pytest.mark.parametrize("name", ["postgres", "s3", "vault"])
def test_a_pod_stays_alive_while_a_server_is_down_and_recovers_without_a_restart(
    make_replica, make_servers, replica, job, name
):
    servers = make_servers(name)
    pod = make_replica(servers)
    running = pod.start(replica).started()
    process = running.first()
    assert running.ask("/documents", BODY)[0] == 201
    until(lambda: running.probe("readiness"), "ready", 20)
    servers.running[name].kill()
    until(lambda: not running.probe("readiness"), "not ready", 30)
    for _ in range(5):
        assert running.probe("liveness")
        assert running.probe("startup")
        assert not running.probe("readiness")
    status, content, _ = running.ask("/readyz")
    assert status == 503
    parts = {"postgres": {"audit", "state", "subject_keys"}, "s3": {"storage"}, "vault": {"keys"}}
    assert {place for place, state in content["parts"].items() if state == "down"} == parts[name]
    if name != "vault":  # keys that are unwrapped already serve for a minute
        assert running.ask("/documents", BODY)[0] == 503, running.log
    servers.running[name].start()
    until(lambda: running.probe("readiness"), "ready again", 60)
    # A gateway of SeaweedFS answers before the volumes behind it do.
    until(lambda: running.ask("/documents", BODY)[0] == 201, "taking documents again", 60)
    assert running.first() == process
    assert running.terminate() == 0
    assert pod.run(job).code == 0


def test_a_server_that_hangs_is_not_ready_in_time_and_no_less_alive(make_replica, servers, replica):
    running = make_replica(servers).start(replica).started()
    servers.running["postgres"].pause()
    until(lambda: not running.probe("readiness"), "not ready", 30)
    for _ in range(5):
        assert running.probe("liveness")
    servers.running["postgres"].resume()
    until(lambda: running.probe("readiness"), "ready again", 60)


def test_what_could_not_be_closed_in_time_is_told_and_is_no_zero(make_replica, servers, replica):
    running = make_replica(servers).start(replica.saying(SERVICE_CLOSE_SECONDS="1")).started()
    assert running.ask("/documents", BODY)[0] == 201
    servers.running["postgres"].pause()
    assert running.terminate() == 1
    (told,) = [json.loads(line) for line in running.log.splitlines() if "service.closed" in line]
    assert told["late"] == ["audit"]
    servers.running["postgres"].resume()


def test_servers_that_come_after_the_pod_are_waited_for(make_replica, servers, replica):
    servers.running["postgres"].kill()
    running = make_replica(servers).start(replica)
    until(lambda: "service.waiting" in running.log, "an attempt", 60)
    assert running.probe("liveness")
    assert not running.probe("startup")
    assert not running.probe("readiness")
    servers.running["postgres"].start()
    running.started()
    until(lambda: running.probe("readiness"), "ready", 30)
    assert running.terminate() == 0


def test_a_server_under_another_name_is_refused_and_not_waited_for(make_replica, servers, replica):
    running = make_replica(servers, "elsewhere.example").start(replica)
    assert running.wait(60) == 1
    (told,) = [json.loads(line) for line in running.log.splitlines() if "service.failed" in line]
    assert told["code"] == "permission_denied"


def test_no_secret_is_in_what_it_prints(make_replica, servers, replica):
    numbers = itertools.count()
    pod = make_replica(servers)
    running = pod.start(replica).started()
    servers.running["postgres"].kill()
    until(lambda: running.ask("/documents", BODY)[0] == 503 and next(numbers) > 2, "refusals", 60)
    running.terminate()
    secrets = [value.strip() for secret in servers.secrets.values() for value in secret.values()]
    assert not any(word in running.log for word in [*secrets, "aegis-test-secret", "HN-690001", "Haemoglobin"])
