"""What was deleted from a store that erases is in none of its files."""

import shutil
import sqlite3
import subprocess
import sys

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.sqlite import state as sqlite_module
from aegis_core.local.sqlite.state import SqliteState


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8)
def test_no_part_of_what_went_is_in_the_file_whatever_the_sizes(tmp_path_factory, seed):
    import random
    import re

    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("erase")

    async def main():
        store = SqliteState(folder / "state.db")
        await store.open()
        store.native(sqlite3.Connection).execute("PRAGMA synchronous = OFF")
        alive = {}
        number = 0
        for _ in range(120):
            name = f"s/{'n' * chance.choice([0, 40, 150])}{chance.randrange(40):02d}"
            if name in alive and chance.random() < 0.4:
                await store.delete(name)
                del alive[name]
            else:
                number += 1
                size = chance.choice([1, 2, 9, 40, 90, 110, 300, 900])
                revision = await store.put(
                    name, b"<%08d>" % number * size, expected=alive[name][1] if name in alive else None
                )
                alive[name] = (number, revision)
        raw = subprocess.run(["cat", *map(str, folder.iterdir())], capture_output=True, check=True).stdout
        found = {int(mark) for mark in re.findall(rb"<(\d{8})>", raw)}
        assert found == {number for number, _ in alive.values()}
        await store.aclose()

    anyio.run(main)
    shutil.rmtree(folder)


@pytest.mark.anyio
async def test_a_reader_elsewhere_that_keeps_old_pages_is_told_and_a_second_delete_erases(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_module, "_PATIENCE", 0.05)
    store = SqliteState(tmp_path / "state.db")
    await store.open()
    await store.put("subjects/a", b"<erase-me>" * 20, expected=None)
    reader = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()
    with pytest.raises(AegisError) as caught:
        await store.delete("subjects/a")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert await store.get("subjects/a") is None
    reader.execute("COMMIT")
    reader.close()
    await store.delete("subjects/a")
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" not in raw.stdout
    await store.aclose()


@pytest.mark.anyio
async def test_what_a_killed_process_deleted_is_erased_at_the_next_open(tmp_path):
    program = """
import sys, os, anyio
from pathlib import Path
from aegis_core.local.sqlite import state
state.SqliteState._erase = lambda self, connection: None
async def main():
    store = state.SqliteState(Path(sys.argv[1]))
    await store.open()
    await store.put("subjects/a", b"<erase-me>" * 20, expected=None)
    await store.delete("subjects/a")
    os._exit(0)
anyio.run(main)
"""
    await anyio.run_process([sys.executable, "-c", program, str(tmp_path / "state.db")])
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" in raw.stdout
    store = SqliteState(tmp_path / "state.db")
    await store.open()
    raw = await anyio.run_process(["cat", *map(str, tmp_path.iterdir())])
    assert b"erase-me" not in raw.stdout
    await store.aclose()
