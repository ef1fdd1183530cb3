"""Services without a loop, over memory."""

import os

import pytest

from aegis_core import blocking
from aegis_core.app import Aegis
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.log import MemorySink
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AEGIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sink():
    return MemorySink()


@pytest.fixture
def aegis(sink):
    made = Aegis(
        storage=MemoryStorage(),
        audit=MemoryAudit(),
        keys=MemoryVault(),
        state=MemoryState(),
        subject_keys=MemoryState(),
        log=sink,
    )
    with made.blocking() as opened:
        yield opened


@pytest.fixture
def storage():
    keyring = blocking.Keyring(MemoryVault(), MemoryState())
    with keyring, blocking.Storage(MemoryStorage(), keyring) as opened:
        yield opened
