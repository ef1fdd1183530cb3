"""A program that changes its working directory, as daemons do, moves nothing that it has opened or named before."""

import attrs
import pytest

from aegis_core import Aegis, AuditEvent

pytestmark = pytest.mark.anyio


@attrs.frozen
class Noted(AuditEvent):
    action = "note.taken"


@pytest.mark.parametrize("trail", ["file:.aegis/audit", "sqlite:.aegis/audit.db"])
async def test_what_was_named_by_a_relative_path_stays_where_it_was(trail, tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.setenv("AEGIS_AUDIT", trail)
    async with Aegis().open() as aegis:
        monkeypatch.chdir(elsewhere)
        await aegis.storage.upload("note.txt", b"text")
        await aegis.audit.record(Noted())
        await aegis.keys.rewrap()
        await aegis.audit.checkpoint()
        assert await aegis.storage.download("note.txt") == b"text"
        assert (await aegis.audit.verify()).intact
    assert list(elsewhere.iterdir()) == []
