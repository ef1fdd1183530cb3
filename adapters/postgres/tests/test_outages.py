"""The kit of faults: the server down, gone, still, strange, full, refusing, or not the one meant."""

from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.audit import make_entries
from aegis_core.testing.kits.faults import WRONG_SECRET, Faults, faults_kit
from aegis_postgres.audit import from_url

CURRENT = {}


class Harness:
    capabilities = Faults(credentials=True, fills=True, tls=True)

    def __init__(self, place):
        self.place = place
        self.upstream = place.running.endpoint.port

    def make(self, port, *, user="postgres", authority=None, environment="development"):
        # libpq looks for a name in a certificate, not for an address.
        tls = "sslmode=disable" if authority is None else f"sslmode=verify-full&sslrootcert={authority}"
        text = f"postgresql://{user}@localhost:{port}/postgres?schema={self.place.address.schema}&{tls}"
        return from_url(ServiceUrl.parse(text), AdapterDeps(environment=environment))

    async def call(self, sink):
        await sink.append(make_entries(1), expected_size=await sink.size())

    def mistaken(self, port):
        return self.make(port, user=f"clinic:{WRONG_SECRET}")

    @asynccontextmanager
    async def filled(self):
        schema = self.place.address.schema
        with self.place.connect(autocommit=True) as connection:
            connection.execute(
                f"CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
            )
            connection.execute(f"CREATE TRIGGER z AFTER INSERT ON {schema}.entries EXECUTE FUNCTION {schema}.full()")
            yield
            connection.execute(f"DROP TRIGGER z ON {schema}.entries")

    def greet(self, connection):
        """Frontend/Backend Protocol, SSLRequest."""
        wants_tls = connection.recv(8)[4:] == b"\x04\xd2\x16\x2f"
        connection.sendall(b"S" if wants_tls else b"")
        return wants_tls


@asynccontextmanager
async def harness():
    yield Harness(CURRENT["place"])


@pytest.fixture(scope="session")
def asks_clinic(postgres):
    """The role ``clinic`` is asked for a password, which this launcher asks of nobody else."""
    with psycopg.connect(postgres.endpoint.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE clinic LOGIN PASSWORD 'right'")
        hba = Path(connection.execute("SHOW hba_file").fetchone()[0])
        hba.write_text(f"host all clinic 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    return postgres


@pytest.mark.anyio
@pytest.mark.usefixtures("asks_clinic")
@pytest.mark.parametrize(
    "check", pytest_cases(faults_kit, {"postgres": harness}, {"postgres": Subject("postgres", "postgres")})
)
async def test_a_server_that_is_not_as_it_should_be_has_a_code_and_an_end(check, place):
    CURRENT["place"] = place
    await check()
