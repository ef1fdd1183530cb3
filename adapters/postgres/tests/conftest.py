"""One server for the whole run, a schema of its own for every test."""

import itertools
import os

import psycopg
import pytest

from aegis_core.testing.servers import Running
from aegis_postgres import Address

_NUMBERS = itertools.count()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(scope="session")
def postgres(aegis_server):
    return aegis_server("postgres")


class Place:
    """A schema that nobody else has."""

    def __init__(self, running: Running, **options) -> None:
        self.running = running
        self.url = running.endpoint.url
        self.address = Address("127.0.0.1", "postgres", running.endpoint.port, "postgres", **options)

    def connect(self, **options) -> psycopg.Connection:
        return psycopg.connect(self.url, **options)

    def drop(self) -> None:
        with self.connect(autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self.address.schema} CASCADE")


def new_place(running: Running, **options) -> Place:
    return Place(running, schema=f"t{os.getpid()}_{next(_NUMBERS)}", **options)


@pytest.fixture
def place(postgres):
    place = new_place(postgres)
    yield place
    place.drop()
