"""The same commands with the trail in PostgreSQL and the objects in SeaweedFS, by URL alone."""

import itertools
import os
from pathlib import Path

import pytest

from .conftest import REVEAL

_NUMBERS = itertools.count()


@pytest.fixture
def servers(monkeypatch, aegis_server):
    """Settings that name servers; whatever is local is keys alone."""
    boto3 = pytest.importorskip("boto3")
    psycopg = pytest.importorskip("psycopg")
    postgres, seaweedfs = aegis_server("postgres"), aegis_server("seaweedfs")
    facts = seaweedfs.endpoint.facts
    for name, fact in (
        ("AWS_ACCESS_KEY_ID", facts["access_key"]),
        ("AWS_SECRET_ACCESS_KEY", facts["secret_key"]),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, fact)
    client = boto3.client("s3", endpoint_url=seaweedfs.endpoint.url, region_name=facts["region"])
    number = next(_NUMBERS)
    bucket, schema = f"cli-{os.getpid()}-{number}", f"cli_{os.getpid()}_{number}"
    client.create_bucket(Bucket=bucket)
    client.close()
    trail = f"postgresql://postgres@127.0.0.1:{postgres.endpoint.port}/postgres?schema={schema}"
    monkeypatch.setenv("AEGIS_AUDIT", trail)
    monkeypatch.setenv("AEGIS_SUBJECT_KEYS", f"{trail}&erases=true")
    monkeypatch.setenv(
        "AEGIS_STORAGE",
        f"s3://{bucket}/x?region={facts['region']}&endpoint={seaweedfs.endpoint.url}&names=flat",
    )
    yield
    with psycopg.connect(postgres.endpoint.url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def clinic(servers, clinic):
    return clinic


def test_a_whole_run(clinic, aegis):
    ended = aegis("audit", "verify", "--json")
    assert ended.exit == 0, ended.err + ended.out
    assert ended.document["size"] == clinic.entries
    ended = aegis("audit", "show", ":", "--json")
    assert len(ended.records) == clinic.entries
    clinic.patient.assert_absent(ended.out)
    assert aegis("audit", "prove", "77").exit == 0

    Path("scan").write_bytes(clinic.body * 300)  # several parts
    assert aegis("storage", "put", "scan", "scans/1").exit == 0
    assert len(aegis("storage", "ls", "--json").records) == 4
    assert aegis("storage", "get", "scans/1", "-o", "back", *REVEAL).exit == 0
    assert Path("back").read_bytes() == clinic.body * 300

    ended = aegis("export", "sealed", "--json")
    assert ended.exit == 0, ended.err
    assert ended.document["objects"] == 5
    clinic.patient.assert_absent(Path("sealed"), ended.out)
    assert aegis("export", "opened", *REVEAL).exit == 0
    for folder in ("sealed", "opened"):
        ended = aegis("export", folder, "--check", "--json")
        assert ended.exit == 0, ended.out
    assert not Path(".aegis/audit").exists()
    assert not Path(".aegis/storage").exists()


def test_a_server_that_is_away_is_worth_another_try_and_begins_no_export(clinic, aegis, monkeypatch):
    address = os.environ["AEGIS_AUDIT"]
    port = address.partition("127.0.0.1:")[2].partition("/")[0]
    monkeypatch.setenv("AEGIS_AUDIT", address.replace(port, "1") + "&timeout=2")
    monkeypatch.setenv("AEGIS_SUBJECT_KEYS", address.replace(port, "1") + "&erases=true&timeout=2")
    for arguments in (
        ["audit", "verify"],
        ["audit", "show"],
        ["audit", "prove", "1"],
        ["storage", "ls"],
        ["storage", "get", "lab/2", "-o", "x", *REVEAL],
        ["export", "out"],
    ):
        ended = aegis(*arguments)
        assert ended.exit == 75, (arguments, ended)
        assert ended.out == ""
        assert len(ended.err.splitlines()) == 1
    assert not Path("out").exists()
    assert not Path("x").exists()
