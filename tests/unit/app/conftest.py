"""Adapters in memory that write down when they are opened and closed, and that can be told to misbehave."""

import anyio
import pytest

from aegis_core.app import Aegis
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.log import MemorySink
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.testing.outbox import Outbox


class Parts:
    """One adapter a port. ``troubles``: (port, "open" or "close") → what happens then."""

    def __init__(self):
        self.story = []
        self.troubles = {}
        self.state = self._noting("state", MemoryState)
        self.keys = self._noting("keys", MemoryVault)
        self.subject_keys = self._noting("subject_keys", MemoryState)
        self.audit = self._noting("audit", MemoryAudit)
        self.storage = self._noting("storage", MemoryStorage)
        self.images = self._noting("images", MemoryStorage)
        self.email = self._noting("email", Outbox)
        self.log = self._noting_sink()

    async def note(self, port, step):
        trouble = self.troubles.get((port, step))
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble == "hang":
            await anyio.sleep_forever()
        self.story.append((port, step))

    def _noting(self, port, kind):
        parts = self

        class Noting(kind):
            async def open(self):
                await parts.note(port, "open")
                await super().open()

            async def aclose(self):
                await parts.note(port, "close")
                await super().aclose()

        return Noting()

    def _noting_sink(self):
        parts = self

        class Noting(MemorySink):
            def close(self, *, deadline):
                parts.story.append(("log", "close"))
                trouble = parts.troubles.get(("log", "close"))
                if callable(trouble):
                    trouble(deadline)
                return super().close(deadline=deadline)

        return Noting()

    def adapters(self, **others):
        names = ("storage", "audit", "keys", "state", "subject_keys", "email", "log")
        return {name: getattr(self, name) for name in names} | others

    def aegis(self, **options):
        return Aegis(**self.adapters(**options))

    def steps(self, step):
        return [port for port, what in self.story if what == step]


@pytest.fixture
def parts():
    return Parts()


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Nothing of the machine's own settings, and a folder to write to."""
    import os

    for name in [name for name in os.environ if name.startswith("AEGIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.chdir(tmp_path)
