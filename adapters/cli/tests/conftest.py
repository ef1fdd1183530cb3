"""The command as people call it: in this process, in a folder of its own, with an environment of its own."""

import json
import os
import sys

import anyio
import attrs
import pytest

from aegis_cli.main import run
from aegis_core import Aegis, Settings


@attrs.frozen
class Ended:
    """How one call ended."""

    exit: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def row(self, name):
        return next(row for row in self.document["rows"] if row["name"] == name)


@pytest.fixture(autouse=True)
def _a_folder_and_no_settings(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("AEGIS_", "AWS_", "VAULT_", "BAO_", "PG")) or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AEGIS_ENV", "development")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def aegis(capfd):
    """Call ``aegis`` with arguments."""

    def call(*arguments):
        capfd.readouterr()
        code = run(arguments)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call


@pytest.fixture
def application():
    """Open what the environment names, as an application does, and do a little work in it."""

    def work(do=None):
        async def go():
            async with Aegis(Settings.read(os.environ), only=("keys", "audit", "storage", "notify")).open() as aegis:
                if do is not None:
                    await do(aegis)

        anyio.run(go)

    return work


def tree(folder):
    """Every file below a folder, with its bytes; of SQLite's own side files nothing."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }
