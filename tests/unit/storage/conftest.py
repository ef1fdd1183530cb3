"""A storage over each local adapter, with a recorder that tests can look into and hold up."""

from contextlib import asynccontextmanager

import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import Receipt
from aegis_core.local.filesystem.storage import FileStorage
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.storage.service import Storage


class Trail:
    """A recorder that keeps events. `held`: it makes nothing durable until `release`; `broken`: it raises that."""

    def __init__(self):
        self.events = []
        self.held = False
        self.broken = None
        self.waiting = []

    def submit(self, event, /):
        self.events.append(event)
        pending = Pending()
        if self.broken is not None:
            pending.fail(self.broken)
        elif self.held:
            self.waiting.append((pending, event))
        else:
            pending.resolve(Receipt(event.event_id))
        return pending

    def release(self):
        self.held = False
        for pending, event in self.waiting:
            pending.resolve(Receipt(event.event_id))
        self.waiting = []

    @property
    def told(self):
        return [(event.action, event.outcome) for event in self.events]


class Counted:
    """Metrics that add up what was counted."""

    def __init__(self):
        self.totals = {}

    def counter(self, name, /, **labels):
        key = (name, *sorted(labels.items()))

        def add(value, /):
            self.totals[key] = self.totals.get(key, 0) + value

        return add

    gauge = histogram = counter


@pytest.fixture
def trail():
    return Trail()


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture(params=["memory", "folder"])
def adapter(request, tmp_path):
    return MemoryStorage() if request.param == "memory" else FileStorage(tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    return FileStorage(tmp_path / "store")


@pytest.fixture
def opened(trail):
    """Opens a storage with a keyring of its own: ``async with opened(adapter) as storage``."""

    @asynccontextmanager
    async def make(adapter, /, *, keyring=None, **options):
        options.setdefault("recorder", trail)
        if keyring is not None:
            async with Storage(adapter, keyring, **options) as storage:
                yield storage
            return
        async with Keyring(MemoryVault(), MemoryState()) as ring, Storage(adapter, ring, **options) as storage:
            yield storage

    return make


@pytest.fixture
def stored():
    """Every stored object of an adapter, as its bytes."""

    async def read(adapter, /):
        found = {}
        for info in (await adapter.list("")).objects:
            reader = adapter.read(info.key)
            body = bytearray()
            while await reader.read(lambda view, body=body: body.extend(view) or True):
                pass
            await reader.aclose()
            found[info.key] = bytes(body)
        return found

    return read


@pytest.fixture
def overwrite():
    """Puts bytes under an adapter's key, as somebody with access to the store could."""

    async def write(adapter, key, body, /):
        writer = adapter.write(key, replace=True)
        await writer.write(lambda: [body])
        info = await writer.commit()
        await writer.aclose()
        return info

    return write
