"""The run's PostgreSQL, with schemas of its own for every test: the application's and the trail's."""

import itertools
import logging
import os
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from aegis_postgres import Address

_NUMBERS = itertools.count()


class Place:
    """Schemas that nobody else has."""

    def __init__(self, endpoint) -> None:
        self.schema = f"alchemy{os.getpid()}_{next(_NUMBERS)}"
        self.address = Address("127.0.0.1", "postgres", endpoint.port, "postgres", schema=f"{self.schema}_trail")
        self.url = endpoint.url.replace("postgresql:", "postgresql+psycopg:")
        self._plain = endpoint.url
        self._options = {"options": f"-csearch_path={self.schema}"}
        with psycopg.connect(self._plain, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {self.schema}")

    def engine(self, **options):
        return sqlalchemy.create_engine(self.url, connect_args=self._options, **options)

    def async_engine(self, **options):
        return create_async_engine(self.url, connect_args=self._options, **options)

    def dumped(self) -> str:
        """Every row of the trail's tables."""
        rows = []
        with psycopg.connect(self._plain) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (self.address.schema,)
            ).fetchall()
            for (table,) in tables:
                rows += connection.execute(f"SELECT * FROM {self.address.schema}.{table}").fetchall()
        assert rows
        return repr(rows)

    def drop(self) -> None:
        with psycopg.connect(self._plain, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {self.schema} CASCADE")
            connection.execute(f"DROP SCHEMA IF EXISTS {self.address.schema} CASCADE")


@pytest.fixture
def place(aegis_server) -> Iterator[Place]:
    place = Place(aegis_server("postgres").endpoint)
    yield place
    place.drop()


@pytest.fixture(autouse=True)
def _engines_share_no_logger_with_those_of_other_tests():
    yield
    logging.getLogger("sqlalchemy.engine.Engine").filters.clear()


@pytest.fixture
def anyio_backend():
    return "asyncio"  # SQLAlchemy's
