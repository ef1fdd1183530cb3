"""Messages of a clinic, and the services that a hub needs."""

from typing import Annotated, ClassVar

import attrs
import pytest

from aegis_core.crypto.keyring import Keyring
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import Receipt
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications import Content, Message, NotificationHub, Recipient, Template
from aegis_core.testing.outbox import Outbox


@attrs.frozen(kw_only=True)
class ResultReady(Message):
    template: ClassVar[str] = "result-ready"
    clinic: str
    name: Annotated[str, PHI.NAME] = ""
    test: Annotated[str, PHI.TEST] = ""


TEMPLATES = [
    Template(
        ResultReady,
        {
            "en": {
                "email": Content(
                    subject="A result is ready at {clinic}",
                    text="Dear {name},\na result is ready at {clinic}.",
                    html="<p>Dear {name},</p><p>a result is ready at <b>{clinic}</b>.</p>",
                ),
                "sms": Content(text="A result is ready at {clinic}."),
            },
            "th": {"email": Content(subject="ผลตรวจพร้อมแล้ว", text="เรียนคุณ {name}\nผลตรวจพร้อมแล้วที่ {clinic}")},
        },
    )
]

PATIENT = Recipient("patient/17", {"email": Classified("somchai@patients.example", PHI.EMAIL)})


class Records:
    """A recorder that keeps what it is given, and may fail."""

    def __init__(self):
        self.events = []
        self.seen_by = []
        self.failures = 0
        self.look = lambda: None

    def submit(self, event):
        if self.failures:
            self.failures -= 1
            pending = Pending()
            pending.fail(OSError("the trail is down"))
            return pending
        self.events.append(event)
        self.seen_by.append(self.look())
        return Pending.done_with(Receipt(event.event_id))


class QuickClock:
    """Sleeping takes no time, and is noted."""

    def __init__(self):
        self.now = 1_700_000_000.0
        self.slept = []

    def monotonic(self):
        return self.now

    def wall_ns(self):
        return int(self.now * 1_000_000_000)

    async def sleep(self, seconds, /):
        import anyio.lowlevel

        self.slept.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()

    def sleep_sync(self, seconds, /):
        self.now += seconds


class Place:
    """One machine: a state store and a vault that outlive every process, and what is sent from here."""

    def __init__(self):
        self.state = MemoryState()
        self.vault = MemoryVault()
        self.outbox = Outbox()
        self.records = Records()
        self.clock = QuickClock()

    def keyring(self):
        return Keyring(self.vault, self.state)

    def hub(self, keyring, *channels, **options):
        options = {"templates": TEMPLATES, "recorder": self.records, "clock": self.clock} | options
        return NotificationHub(channels or [self.outbox], keyring, **options)

    async def bodies(self):
        names = await self.state.names("deliveries/")
        return {name: (await self.state.get(name)).body for name in names}


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def result_ready():
    def make(to=PATIENT, clinic="North Clinic", **fields):
        return ResultReady(to=to, clinic=clinic, **fields)

    return make


@pytest.fixture
def patient():
    return PATIENT
