"""A program that changes its working directory, as daemons do, moves nothing that it has opened or named before."""

import attrs
import pytest

from aegis_core import Aegis, AuditEvent
from aegis_core.kernel import AdapterDeps, Registry, ServiceUrl

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


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("storage", "file:.aegis/storage"),
        ("audit", "file:.aegis/audit"),
        ("audit", "sqlite:.aegis/audit.db"),
        ("state", "file:.aegis/state"),
        ("state", "sqlite:.aegis/state.db"),
        ("keys", "file:.aegis/keys"),
        ("email", "eml:.aegis/mail"),
    ],
)
async def test_what_is_opened_later_lies_where_it_was_named(kind, url, tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(home)
    adapter = Registry().from_url(kind, ServiceUrl.parse(url), AdapterDeps(environment="test"))
    monkeypatch.chdir(elsewhere)
    await adapter.open()
    await adapter.aclose()
    assert list(elsewhere.iterdir()) == []
    assert list((home / ".aegis").iterdir()) != []
