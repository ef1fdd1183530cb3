"""Each file of `in_project` in a process of its own, in which Django is set up."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

HERE = Path(__file__).parent
FILES = sorted(file.name for file in (HERE / "in_project").glob("test_*.py"))


def run(file: str, **environ: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", HERE / "in_project" / file],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "PYTEST_"))},
            "AEGIS_ENV": "test",
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": str(HERE / "project"),
            **environ,
        },
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("file", [file for file in FILES if "postgres" not in file])
def test_in_a_project(file):
    assert " passed" in run(file)


@pytest.mark.parametrize("file", ["test_postgres.py", "test_sealed.py"])
def test_on_postgres(postgres_server, file):
    port = postgres_server.endpoint.port
    schema = f"django_{os.getpid()}_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.endpoint.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            trail = f"postgresql://postgres@127.0.0.1:{port}/postgres?schema={schema}_aegis"
            assert " passed" in run(file, CLINIC_POSTGRES_PORT=str(port), CLINIC_SCHEMA=schema, AEGIS_AUDIT=trail)
        finally:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            connection.execute(f"DROP SCHEMA IF EXISTS {schema}_aegis CASCADE")


def test_pages_of_debug():
    assert " passed" in run("test_nothing_is_told.py", CLINIC_DEBUG="1")
