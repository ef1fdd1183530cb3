"""The same clinic with each port elsewhere, alone and together: the same summary, and things lie where URLs say."""

import pytest
from psycopg import sql

from examples.on_servers.compare import differences
from examples.on_servers.holdings import mails, objects
from examples.on_servers.services import SCHEMA, KeyService, as_operator, object_client


def count(place, *tables):
    with as_operator(place.servers["postgres"], place.name) as connection:
        return sum(
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, table))).fetchone()[0]
            for table in tables
        )


ERASABLE = [f"erasable_{number:02d}" for number in range(16)]


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def storage(place, home):
    assert len(list(objects(place))) == 44
    assert not files(home / "storage")


def audit(place, home):
    assert count(place, "entries") == 138
    assert count(place, "documents") > 10  # the state lies beside it
    assert not files(home / "audit")


def state(place, home):
    assert count(place, "documents") > 10
    assert count(place, "entries") == 0
    assert [path.name for path in (home / "audit").iterdir()] == ["journal"]


def subject_keys(place, home):
    assert count(place, *ERASABLE) == 10
    assert not (home / "subject-keys.db").exists()


def email(place, home):
    assert len(mails(place)) == 9
    assert not files(home / "mail")


def keys(place, home):
    assert not files(home / "keys")
    ring = b"".join(path.read_bytes() for path in files(home / "audit" / "keyring"))
    assert f"{place.name}:v1".encode() in ring


PORTS = {
    "AEGIS_STORAGE": storage,
    "AEGIS_AUDIT": audit,
    "AEGIS_STATE": state,
    "AEGIS_SUBJECT_KEYS": subject_keys,
    "AEGIS_EMAIL": email,
    "AEGIS_KEYS": keys,
}


@pytest.mark.parametrize("variable", PORTS)
def test_one_port_elsewhere_changes_nothing_of_the_summary(
    place, lead, run, tmp_path, local_summary, monkeypatch, variable
):
    if variable == "AEGIS_STATE":
        monkeypatch.setenv(variable, place.environ["AEGIS_AUDIT"])
    else:
        lead(variable)
    ended = run()
    assert (ended.code, ended.err) == (0, "")
    assert list(differences(local_summary, ended.out)) == []
    PORTS[variable](place, tmp_path / "home")


def test_all_elsewhere_and_a_second_run_does_nothing_twice(place, lead, run, tmp_path, local_summary):
    lead()
    ended = run()
    assert (ended.code, ended.err) == (0, "")
    assert list(differences(local_summary, ended.out)) == []
    storage(place, tmp_path / "home")
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"lab", "log"}
    again = run()
    assert again.code == 0
    assert "0 filed, sealed (none)" in again.out
    assert "44 had been filed before" in again.out
    assert "0 results sent to the lab, 30 that it had before" in again.out
    assert len(mails(place)) == 9
    assert count(place, "entries") > 138


# ------------------------------------------------------------------------------------------------- what is not right


def database_of_another_version(place):
    with as_operator(place.servers["postgres"], place.name) as connection:
        connection.execute(f"INSERT INTO {SCHEMA}.migrations (number, name) VALUES (99, 'to come')")


def somebody_elses_schema(place):
    with as_operator(place.servers["postgres"], place.name) as connection:
        connection.execute(f"DROP TABLE {SCHEMA}.migrations")


def no_bucket(place):
    client = object_client(place.servers["s3"])
    client.delete_bucket(Bucket=place.name)
    client.close()


def no_key(place):
    ask = KeyService(place.servers["vault"])
    ask("POST", f"transit/keys/{place.name}/config", {"deletion_allowed": True})
    ask("DELETE", f"transit/keys/{place.name}")


def no_rights(place):
    with as_operator(place.servers["postgres"], place.name) as connection:
        connection.execute(sql.SQL("REVOKE INSERT ON aegis.entries FROM {}").format(sql.Identifier(place.name)))


def nothing(place):
    """What is wrong is in the environment."""


def as_nobody(place):
    return place.environ["AEGIS_AUDIT"].replace(f"//{place.name}@", "//nobody@")


def nowhere(place):
    return place.environ["AEGIS_AUDIT"].replace(f"/{place.name}", "/nowhere", 2).replace("//nowhere", f"//{place.name}")


WRONG = {
    "a newer schema": (database_of_another_version, {}, "precondition_failed", "update it"),
    "somebody else's schema": (somebody_elses_schema, {}, "precondition_failed", "name another"),
    "no right to write entries": (no_rights, {}, "permission_denied", "see the rights"),
    "no such role": (nothing, {"AEGIS_AUDIT": as_nobody}, "permission_denied", "refuses"),
    "no such database": (nothing, {"AEGIS_AUDIT": nowhere}, "precondition_failed", "database"),
    "no bucket": (no_bucket, {}, "precondition_failed", "create it"),
    "wrong secret of the store": (nothing, {"AWS_SECRET_ACCESS_KEY": "wrong-1"}, "permission_denied", "credentials"),
    "no such user of the store": (nothing, {"AWS_ACCESS_KEY_ID": "NOBODY"}, "permission_denied", "credentials"),
    "no key": (no_key, {}, "not_found", "create it"),
    "wrong token": (nothing, {"VAULT_TOKEN": "wrong-1"}, "permission_denied", "token"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_right_elsewhere_is_said_in_one_line_with_what_to_do(place, lead, run, monkeypatch, what):
    prepare, changes, code, advice = WRONG[what]
    prepare(place)
    lead()
    for name, value in changes.items():
        monkeypatch.setenv(name, value(place) if callable(value) else value)
    ended = run()
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith(f"clinic: {code}: ")
    assert advice in line
    secrets = ("wrong-1", place.token, place.servers["s3"].endpoint.facts["secret_key"])
    assert not [secret for secret in secrets if secret in ended.err]
    assert not mails(place)
