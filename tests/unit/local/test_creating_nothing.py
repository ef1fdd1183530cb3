"""An adapter that is told to create nothing makes nothing, anywhere, and says that nothing is there."""

import sqlite3

import anyio
import pytest

from aegis_core import Aegis, AegisError, ErrorCode
from aegis_core.kernel import AdapterDeps, Registry, ServiceUrl, Settings

PLACES = [
    ("storage", "file:{}/store"),
    ("audit", "file:{}/trail"),
    ("audit", "sqlite:{}/trail.db"),
    ("state", "file:{}/state"),
    ("state", "sqlite:{}/state.db"),
    ("keys", "file:{}/keys"),
    ("email", "eml:{}/mail"),
    ("log", "jsonl:{}/app.jsonl"),
]


def made(kind, url, folder, *, create):
    return Registry().from_url(kind, ServiceUrl.parse(url.format(folder)), AdapterDeps(create=create))


async def open_and_close(kind, url, folder, *, create):
    adapter = made(kind, url, folder, create=create)
    if kind == "log":
        adapter.close(deadline=1.0)
        return
    await adapter.open()
    try:
        assert (await adapter.health()).state != "down"
    finally:
        await adapter.aclose()


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(("kind", "url"), PLACES)
@pytest.mark.parametrize("there", ["nothing", "the folder alone", "somebody else's file"])
def test_where_nothing_of_ours_lies_nothing_is_made(kind, url, there, tmp_path):
    place = tmp_path / url.rpartition("/")[2]
    if there == "the folder alone" and "." not in place.name:
        place.mkdir()
    elif there == "somebody else's file" and place.suffix == ".db":
        with sqlite3.connect(place) as database:
            database.execute("CREATE TABLE patients (id)")
        database.close()
    before = tree(tmp_path), place.read_bytes() if place.is_file() else b""
    with pytest.raises(AegisError, match="nothing lies there yet") as caught:
        anyio.run(lambda: open_and_close(kind, url, tmp_path, create=False))
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert str(tmp_path) not in str(caught.value)
    assert (tree(tmp_path), place.read_bytes() if place.is_file() else b"") == before


@pytest.mark.parametrize(("kind", "url"), PLACES)
def test_what_is_there_opens(kind, url, tmp_path):
    anyio.run(lambda: open_and_close(kind, url, tmp_path, create=True))
    before = tree(tmp_path)
    anyio.run(lambda: open_and_close(kind, url, tmp_path, create=False))
    assert tree(tmp_path) == before


def test_an_aegis_that_creates_nothing_does_not_begin_a_trail_at_a_mistyped_path(tmp_path):
    environ = {"AEGIS_ENV": "test", "AEGIS_AUDIT": f"file:{tmp_path}/trial", "AEGIS_KEYS": f"file:{tmp_path}/keys"}
    environ["AEGIS_SUBJECT_KEYS"] = f"sqlite:{tmp_path}/subjects.db"

    async def begin(*, create):
        async with Aegis(Settings.read(environ), only=("audit",), create=create).open():
            pass

    with pytest.raises(AegisError) as caught:
        anyio.run(lambda: begin(create=False))
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert tree(tmp_path) == []
    anyio.run(lambda: begin(create=True))
    anyio.run(lambda: begin(create=False))
