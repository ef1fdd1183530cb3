"""What operations does before the clinic may run: four servers, each with a place and rights for the clinic alone."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import boto3.session
import psycopg
from botocore.config import Config
from psycopg import sql

import aegis_postgres
from aegis_core.testing.servers import Running

#: What the four ports of the clinic lean on, and the server of the catalogue behind each.
SERVERS: Final = {"postgres": "postgres", "s3": "seaweedfs", "smtp": "smtp", "vault": "openbao"}

#: The adapter's own tables lie there.
SCHEMA: Final = "aegis"

#: The least that the adapter's page asks for, and what erasing takes.
_GRANTS: Final = """
    GRANT USAGE ON SCHEMA aegis TO {role};
    GRANT SELECT ON ALL TABLES IN SCHEMA aegis TO {role};
    GRANT INSERT ON aegis.entries TO {role};
    GRANT INSERT, DELETE ON aegis.joined TO {role};
    GRANT INSERT, UPDATE, DELETE ON aegis.documents TO {role};
    GRANT USAGE ON SEQUENCE aegis.revision TO {role};
    GRANT TEMPORARY ON DATABASE {role} TO {role};
"""
_POLICY: Final = """
    path "transit/keys/{key}"    {{ capabilities = ["read"] }}
    path "transit/encrypt/{key}" {{ capabilities = ["update"] }}
    path "transit/decrypt/{key}" {{ capabilities = ["update"] }}
"""


@attrs.frozen
class Place:
    """One clinic's places on running servers, by its name: a database and role, a bucket, a key and token.

    Arguments:
        servers: running ones, by the names of `SERVERS`.
        name: lower-case letters and digits.
        token: of the key service, for this clinic's key only.
    """

    servers: Mapping[str, Running]
    name: str
    token: str = attrs.field(repr=False)

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead the clinic there; all that is changed."""
        database, store = self.servers["postgres"].endpoint, self.servers["s3"].endpoint
        trail = f"postgresql://{self.name}@127.0.0.1:{database.port}/{self.name}"
        return {
            "AEGIS_STORAGE": f"s3://{self.name}?endpoint={store.url}&region={store.facts['region']}&names=flat",
            "AEGIS_AUDIT": trail,
            "AEGIS_SUBJECT_KEYS": f"{trail}?erases=true",
            "AEGIS_EMAIL": f"{self.servers['smtp'].endpoint.url}?from=clinic@clinic.example",
            "AEGIS_KEYS": f"vault://transit/{self.name}",
            "AWS_ACCESS_KEY_ID": store.facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": store.facts["secret_key"],
            "VAULT_ADDR": self.servers["vault"].endpoint.url,
            "VAULT_TOKEN": self.token,
        }


def set_up(servers: Mapping[str, Running], name: str, /) -> Place:
    """Make one clinic's places: what an operator does once, with more rights than the clinic gets."""
    _set_up_database(servers["postgres"], name)
    client = object_client(servers["s3"])
    client.create_bucket(Bucket=name)
    client.close()
    return Place(servers, name, _set_up_key(servers["vault"], name))


def object_client(running: Running, /) -> Any:
    """boto3's own client of the object store."""
    facts = running.endpoint.facts
    session = boto3.session.Session(facts["access_key"], facts["secret_key"], region_name=facts["region"])
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return session.client("s3", endpoint_url=running.endpoint.url, config=config)


def as_operator(running: Running, database: str, /) -> psycopg.Connection[Any]:
    """A connection to one database as the server's own administrator."""
    port = running.endpoint.port
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname=database, autocommit=True)


def _set_up_database(running: Running, name: str) -> None:
    role = sql.Identifier(name)
    with as_operator(running, "postgres") as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(role))
    with as_operator(running, name) as connection:
        aegis_postgres.migrate(connection, SCHEMA)
        connection.execute(sql.SQL(_GRANTS).format(role=role))
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'erasable_%'").fetchall()
        for (table,) in tables:
            where = sql.Identifier(SCHEMA, table)
            connection.execute(sql.SQL("GRANT ALL ON {} TO {}").format(where, role))


def _set_up_key(running: Running, name: str) -> str:
    ask = KeyService(running)
    if "transit/" not in ask("GET", "sys/mounts")["data"]:
        ask("POST", "sys/mounts/transit", {"type": "transit"})
    ask("POST", f"transit/keys/{name}", {})
    ask("PUT", f"sys/policies/acl/{name}", {"policy": _POLICY.format(key=name)})
    token: str = ask("POST", "auth/token/create", {"policies": [name], "no_parent": True})["auth"]["client_token"]
    return token


class KeyService:
    """Asks the key service, with the operator's token."""

    def __init__(self, running: Running, /) -> None:
        self._address = urlsplit(running.endpoint.url).netloc
        self._token = running.endpoint.facts["token"]

    def __call__(self, method: str, path: str, body: Mapping[str, object] | None = None, /) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/v1/{path}", text, {"X-Vault-Token": self._token})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 300:
                message = f"{method} {path}: the key service answered {answer.status}"
                raise OSError(message)
            return json.loads(said or b"{}")
        finally:
            connection.close()
