"""A clock that tests move, adapters that give up control at every call, and a patient."""

import anyio
import anyio.lowlevel
import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self):
        self.now = 1_000.0
        self.monotonic = lambda: self.now
        self.wall_ns = lambda: 1_700_000_000_000_000_000

    async def sleep(self, seconds, /):
        self.now += seconds

    def sleep_sync(self, seconds, /):
        self.now += seconds


class SlowState(MemoryState):
    """Gives up control around every call, so that tasks interleave where they may."""

    async def get(self, name, /):
        await anyio.lowlevel.checkpoint()
        document = await super().get(name)
        await anyio.lowlevel.checkpoint()
        return document

    async def put(self, name, body, /, *, expected):
        await anyio.lowlevel.checkpoint()
        revision = await super().put(name, body, expected=expected)
        await anyio.lowlevel.checkpoint()
        return revision

    async def delete(self, name, /, *, expected=None):
        await anyio.lowlevel.checkpoint()
        await super().delete(name, expected=expected)
        await anyio.lowlevel.checkpoint()

    def everything(self):
        """Every name and body, as bytes."""
        return b"\n".join(name.encode() + b" " + document.body for name, document in self._documents.items())


class CountingVault(MemoryVault):
    """Counts calls and gives up control in each."""

    def __init__(self):
        super().__init__()
        self.wraps = 0
        self.unwraps = 0

    async def wrap(self, key, /, *, context):
        self.wraps += 1
        await anyio.lowlevel.checkpoint()
        return await super().wrap(key, context=context)

    async def unwrap(self, wrapped, /, *, context):
        self.unwraps += 1
        await anyio.lowlevel.checkpoint()
        return await super().unwrap(wrapped, context=context)


class Place:
    """One vault and one store, and as many keyrings over them as processes would have."""

    def __init__(self, clock):
        self.clock = clock
        self.vault = CountingVault()
        self.state = SlowState()

    def keyring(self):
        return Keyring(self.vault, self.state, clock=self.clock)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def place(clock):
    return Place(clock)


@pytest.fixture
def patient():
    return Classified("HN-7734211", PHI.MRN)
