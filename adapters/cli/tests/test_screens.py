"""The guide's pictures are what doctor says today, but for numbers and ports."""

import os
from pathlib import Path

import psycopg
import pytest

from .screens import pictures, text_of

ASSETS = Path(__file__).parents[3] / "docs" / "assets"


@pytest.mark.timeout(120)
def test_the_pictures_of_the_guide_say_what_doctor_says(postgres_server, seaweedfs_server, openbao_server, smtp_server):
    servers = {each.server.name: each for each in (postgres_server, seaweedfs_server, openbao_server, smtp_server)}
    schema = f"clinic{os.getpid()}"
    try:
        taken = pictures(servers, schema)
    finally:
        with psycopg.connect(postgres_server.endpoint.url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    for name, svg in taken.items():
        stored = (ASSETS / name).read_text(encoding="utf-8")
        again = [text.replace("clinic#", "clinic") for text in text_of(svg)]
        assert again == text_of(stored), f"{name}: run python adapters/cli/tests/screens.py docs/assets"
        assert "http" not in stored.replace("http://www.w3.org/", "").replace("http://127.0.0.1", "")
