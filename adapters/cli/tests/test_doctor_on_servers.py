"""Doctor before PostgreSQL, SeaweedFS, OpenBao and a mail server: well, away, silent, with a wrong password."""

import itertools
import json
import os
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import boto3.session
import psycopg
import pytest
from botocore.config import Config

from aegis_cli.exits import Exit
from aegis_core.testing.servers.certificates import certificate

_NUMBERS = itertools.count()
SECRET = "hunter2-hunter2"
CREATED = set()


def once(running, what, make):
    if (running.endpoint.port, what) not in CREATED:
        make()
        CREATED.add((running.endpoint.port, what))


@pytest.fixture
def servers(postgres_server, seaweedfs_server, openbao_server, smtp_server, monkeypatch):
    """The environment of an application on four servers, with a schema and a prefix of its own."""
    number = f"{os.getpid()}_{next(_NUMBERS)}"
    facts = seaweedfs_server.endpoint.facts
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", facts["access_key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", facts["secret_key"])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.session.Session(facts["access_key"], facts["secret_key"], region_name=facts["region"]).client(
        "s3", endpoint_url=seaweedfs_server.endpoint.url, config=Config(s3={"addressing_style": "path"})
    )
    once(seaweedfs_server, "doctor", lambda: client.create_bucket(Bucket="doctor"))
    once(openbao_server, "transit", lambda: mount_transit(openbao_server))
    once(openbao_server, "key", lambda: ask_bao(openbao_server, "transit/keys/doctor", {}))
    monkeypatch.setenv("VAULT_ADDR", openbao_server.endpoint.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao_server.endpoint.facts["token"])
    database = f"postgresql://postgres@127.0.0.1:{postgres_server.endpoint.port}/postgres?schema=doctor_{number}"
    for port, url in {
        "STORAGE": f"s3://doctor/{number}?endpoint={seaweedfs_server.endpoint.url}&names=flat&region={facts['region']}",
        "AUDIT": database,
        "SUBJECT_KEYS": f"{database}&erases=true",
        "KEYS": "vault://transit/doctor",
        "EMAIL": f"{smtp_server.endpoint.url}?from=clinic@clinic.example",
    }.items():
        monkeypatch.setenv(f"AEGIS_{port}", url)
    yield monkeypatch
    with psycopg.connect(postgres_server.endpoint.url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS doctor_{number} CASCADE")


def mount_transit(running):
    try:
        ask_bao(running, "sys/mounts/transit", {"type": "transit"})
    except urllib.error.HTTPError as error:
        if error.code != 400:  # the server is one for all tests: others have mounted it
            raise


def ask_bao(running, path, body):
    request = urllib.request.Request(
        f"{running.endpoint.url}/v1/{path}",
        data=json.dumps(body).encode(),
        method="POST",
        headers={"X-Vault-Token": running.endpoint.facts["token"]},
    )
    urllib.request.urlopen(request, timeout=10).close()


async def a_morning(aegis):
    await aegis.storage.upload("lab/r1.pdf", b"report")
    await aegis.audit.checkpoint()


@contextmanager
def deaf():
    """A server that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_all_of_them_well(servers, aegis, application):
    application(a_morning)
    ended = aegis("doctor", "--json")
    assert ended.exit == 0, ended.out
    assert {row["state"] for row in ended.document["rows"]} == {"ok"}
    assert ended.row("storage")["facts"]["adapter"] == "s3"
    assert "multi_host" in ended.row("audit")["facts"]["capabilities"]
    assert ended.row("audit")["facts"]["latency_ms"] > 0
    assert abs(ended.row("audit")["facts"]["clock_ahead_s"]) < 2
    assert abs(ended.row("keys")["facts"]["clock_ahead_s"]) <= 2
    assert (ended.row("trail")["facts"]["next"], ended.row("trail")["facts"]["verified"]) == (1, True)
    people = aegis("doctor")
    assert people.exit == 0
    assert os.environ["VAULT_TOKEN"] not in people.out + ended.out
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in people.out + ended.out


def test_before_the_first_start_nothing_is_made_in_the_database(servers, aegis, postgres_server):
    def tables():
        with psycopg.connect(postgres_server.endpoint.url) as connection:
            return connection.execute("SELECT relname FROM pg_class ORDER BY 1").fetchall()

    before = tables()
    ended = aegis("doctor", "--json")
    assert ended.row("audit")["state"] == "missing"
    assert ended.row("subject_keys")["state"] == "missing"
    assert ended.exit == 0  # in development
    assert tables() == before


@pytest.mark.parametrize(
    ("variable", "url", "row"),
    [
        ("AEGIS_AUDIT", "postgresql://postgres@127.0.0.1:{port}/postgres", "audit"),
        ("AEGIS_STORAGE", "s3://doctor/x?endpoint=http://127.0.0.1:{port}&names=flat&region=us-east-1", "storage"),
        ("AEGIS_EMAIL", "smtp://127.0.0.1:{port}", "email"),
        ("AEGIS_KEYS", "vault://transit/doctor?addr=http://127.0.0.1:{port}", "keys"),
    ],
)
def test_one_that_is_away_is_a_line_and_try_again(servers, aegis, application, variable, url, row):
    application(a_morning)
    servers.setenv(variable, url.format(port=unused_port()))
    ended = aegis("doctor", "--json", "--deadline", "4")
    down = [each["name"] for each in ended.document["rows"] if each["state"] == "down"]
    assert row in down
    assert ended.exit == Exit.TRY_AGAIN
    assert "may this host reach it?" in ended.row(row)["detail"]
    assert ended.row("privacy")["state"] == "ok"
    if row in {"audit", "keys"}:
        assert ended.row("trail")["state"] == "skipped"


@pytest.mark.parametrize(
    ("variable", "url", "row"),
    [
        ("AEGIS_STATE", "postgresql://postgres@127.0.0.1:{port}/postgres", "state"),
        ("AEGIS_STORAGE", "s3://doctor/x?endpoint=http://127.0.0.1:{port}&names=flat&region=us-east-1", "storage"),
        ("AEGIS_EMAIL", "smtp://127.0.0.1:{port}", "email"),
        ("AEGIS_KEYS", "vault://transit/doctor?addr=http://127.0.0.1:{port}", "keys"),
    ],
)
def test_one_that_says_nothing_is_waited_for_no_longer_than_the_deadline(servers, aegis, variable, url, row):
    with deaf() as port:
        servers.setenv(variable, url.format(port=port))
        ended = aegis("doctor", "--json", "--deadline", "1")
    assert ended.row(row)["state"] == "down"
    assert ended.row(row)["variable"] == variable
    assert "may this host reach it?" in ended.row(row)["detail"]
    assert ended.exit == Exit.TRY_AGAIN


def test_a_wrong_password_is_a_failure_and_stands_nowhere(servers, aegis, postgres_server, smtp_server):
    with psycopg.connect(postgres_server.endpoint.url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody")
        connection.execute("CREATE ROLE nobody NOLOGIN")
    port = postgres_server.endpoint.port
    servers.setenv("AEGIS_AUDIT", f"postgresql://nobody:{SECRET}@127.0.0.1:{port}/postgres")
    servers.setenv("AEGIS_EMAIL", f"{smtp_server.endpoint.url.replace('//', f'//nurse:{SECRET}@')}")
    servers.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    servers.setenv("VAULT_TOKEN", SECRET)
    ended = aegis("doctor", "--json")
    for name in ("audit", "storage", "keys"):
        assert ended.row(name)["state"] == "failed", ended.row(name)
        assert ended.row(name)["detail"]
    assert ended.row("email")["state"] in {"failed", "down"}
    assert ended.exit == Exit.FAILED
    people = aegis("doctor", "--verbose")
    assert SECRET not in ended.out + ended.err + people.out + people.err


def test_a_wrong_scheme_and_a_plain_connection_in_production_are_settings(servers, aegis):
    servers.setenv("AEGIS_STORAGE", "s4://records")
    servers.setenv("AEGIS_ENV", "production")
    servers.setenv("AEGIS_ORIGIN", "clinic.example/audit")
    ended = aegis("doctor", "--json")
    assert ended.exit == Exit.USAGE
    settings = {problem["setting"]: problem for problem in ended.document["problems"]}
    assert "did you mean s3?" in settings["AEGIS_STORAGE"]["hint"]
    assert "TLS" in settings["AEGIS_EMAIL"]["expected"]
    assert "TLS" in settings["AEGIS_KEYS"]["expected"]
    assert ended.document["rows"] == []


def test_a_bucket_that_is_not_there_fails(servers, aegis, seaweedfs_server):
    servers.setenv("AEGIS_STORAGE__IMAGES", os.environ["AEGIS_STORAGE"].replace("//doctor/", "//nowhere/"))
    ended = aegis("doctor", "--json")
    assert ended.row("storage")["state"] == "ok"
    assert ended.row("storage images")["state"] in {"failed", "missing"}
    assert ended.row("storage images")["detail"]


def test_the_version_of_tls_is_told(aegis, monkeypatch, tmp_path):
    made = certificate(tmp_path, "localhost")
    context, authority = made.context, made.authority
    with mail_server(context) as port:
        monkeypatch.setenv("AEGIS_EMAIL", f"smtps://localhost:{port}?ca={authority}")
        ended = aegis("doctor")
    line = next(line for line in ended.out.splitlines() if line.startswith(" email"))
    assert "TLS 1.3" in line
    assert line.endswith("ok")


@contextmanager
def mail_server(context):
    """Says what a mail server says to who only greets it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve():
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:  # closed: the test has ended
                    return
                with context.wrap_socket(plain, server_side=True) as talking, talking.makefile("rwb") as lines:
                    lines.write(b"220 mail.example\r\n")
                    lines.flush()
                    for line in lines:
                        lines.write(b"221 bye\r\n" if line.lower().startswith(b"quit") else b"250 mail.example\r\n")
                        lines.flush()
                        if line.lower().startswith(b"quit"):
                            break

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
