"""The services do without a loop what they do with one."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, ClassVar

import attrs
import pytest

from aegis_core import blocking
from aegis_core.app import Aegis, CloseReport
from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.context import Principal, acting
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.local.memory.audit import MemoryAudit
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications import Content, Message, Recipient, Template
from aegis_core.observability.logger import Logger
from aegis_core.testing.outbox import Outbox

WHO = Principal("dr-malee", verified_by="test", tenant="north")
SUBJECT = Classified("HN-690001", PHI.MRN)
TREATING = {"purpose": Purpose.TREATMENT, "subject": SUBJECT}


@attrs.frozen(kw_only=True)
class Discharged(AuditEvent):
    action: ClassVar[str] = "patient.discharged"

    ward: str
    name: Annotated[str, PHI.NAME]


@attrs.frozen(kw_only=True)
class Ready(Message):
    template: ClassVar[str] = "ready"
    clinic: str


READY = Template(Ready, {"en": {"email": Content(subject="Ready", text="Ready at {clinic}.")}})


def test_files(storage):
    made = storage.upload("lab/1.pdf", b"one")
    assert storage.stat("lab/1.pdf").size == made.size == 3
    assert storage.download("lab/1.pdf") == b"one"
    storage.upload("lab/2.pdf", iter([b"t", b"wo"]))
    assert [info.key for info in storage.list("lab/")] == ["lab/1.pdf", "lab/2.pdf"]
    with storage.open("lab/2.pdf") as reader:
        assert reader.info.size == 3
        assert b"".join(reader) == b"two"
    storage.move("lab/1.pdf", "old/1.pdf")
    storage.delete("lab/2.pdf")
    assert [info.key for info in storage.list()] == ["old/1.pdf"]
    with pytest.raises(AegisError) as caught:
        storage.stat("lab/1.pdf")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_a_trail(aegis):
    with acting(WHO, **TREATING):
        receipt = aegis.audit.record(Discharged(ward="4B", name="Somchai Jaidee"))
        assert aegis.audit.submit(Discharged(ward="4B", name="Somchai")).wait(deadline=20).event_id != receipt.event_id
        assert aegis.log.audit(Discharged(ward="5A", name="Malee")).wait(deadline=20)
        events = aegis.audit.entries()
        assert isinstance(events, Iterator)
        assert [event.action for event in events] == ["patient.discharged"] * 3
        assert len(list(aegis.audit.entries(1, 2))) == 1
        assert len(list(aegis.audit.entries(subject=SUBJECT))) == 3
        assert list(aegis.audit.entries(subject=Classified("HN-2", PHI.MRN))) == []
    checkpoint = aegis.audit.checkpoint()
    assert checkpoint.size == 3
    assert aegis.audit.prove(receipt).index == 0
    assert aegis.audit.consistency(1, 3)
    assert aegis.audit.verify().intact
    assert aegis.audit.verifier_keys()
    assert aegis.audit.health().state == "up"


def test_who_acts_is_seen_by_the_trail(aegis):
    with acting(WHO, **TREATING):
        aegis.storage.upload("a", b"x")
        (event,) = aegis.audit.entries()
        assert [info.key for info in aegis.storage.list()] == ["a"]
    assert (event.who, event.purpose, event.tenant) == ("dr-malee", Purpose.TREATMENT, "north")
    assert list(aegis.storage.list()) == []  # another tenant's, or nobody's


def test_keys(aegis):
    key = aegis.keys.active(KeyPurpose.INDEX)
    assert aegis.keys.key(key.id) == key
    assert aegis.keys.cached(key.id) == key
    newer = aegis.keys.rotate(KeyPurpose.INDEX)
    assert [each.id for each in aegis.keys.every(KeyPurpose.INDEX)] == [newer.id, key.id]
    assert aegis.keys.rewrap() == 0
    subject_key = aegis.keys.subject_key(SUBJECT)
    aegis.keys.shred(SUBJECT, reason="request 17")
    with pytest.raises(AegisError) as caught:
        aegis.keys.key(subject_key.id)
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert any("shred" in event.action for event in aegis.audit.entries())


def test_keys_at_hand_are_given_without_a_hop_and_never_on_a_loop(aegis, monkeypatch):
    index, own = aegis.keys.active(KeyPurpose.INDEX), aegis.keys.subject_key(SUBJECT)

    async def on_a_loop():
        for ask in (
            lambda: aegis.keys.active(KeyPurpose.INDEX),
            lambda: aegis.keys.subject_key(SUBJECT),
            lambda: aegis.keys.key(own.id),
        ):
            with pytest.raises(AegisError, match="loop"):
                ask()

    asyncio.run(on_a_loop())
    monkeypatch.setattr("aegis_core.blocking.facade.PORTAL", None)  # whoever hops fails
    assert aegis.keys.active(KeyPurpose.INDEX) == index == aegis.keys.active_at_hand(KeyPurpose.INDEX)
    assert aegis.keys.subject_key(SUBJECT) == own == aegis.keys.subject_key_at_hand(SUBJECT)
    assert aegis.keys.key(own.id) == own
    monkeypatch.undo()
    aegis.keys.shred(SUBJECT, reason="request 17")
    assert aegis.keys.subject_key(SUBJECT) != own


def test_messages():
    outbox = Outbox()
    to = Recipient("patient/17", {"email": Classified("somchai@patients.example", PHI.EMAIL)})
    keyring = blocking.Keyring(MemoryVault(), MemoryState())
    trail = blocking.AuditTrail(MemoryAudit(), keyring, origin="clinic.example/audit")
    hub = blocking.NotificationHub([outbox], keyring, templates=[READY], recorder=trail)
    with keyring, trail, hub:
        assert hub.send_immediate(Ready(to=to, clinic="north"), key="1").status == "accepted"
        assert hub.send(Ready(to=to, clinic="north"), key="1").status == "accepted"
        assert [delivery.status for delivery in hub.deliveries(status="accepted")] == ["accepted"]
        assert {event.action for event in trail.entries()} == {"message.sending", "message.sent"}
    assert len(outbox.delivered) == 1


def test_aegis_gives_each_service_once_and_by_type(aegis):
    assert aegis.storage is aegis.storage is aegis.get(blocking.Storage)
    assert aegis.provide(blocking.AuditTrail)() is aegis.audit
    assert isinstance(aegis.get(Logger), Logger)
    assert aegis.get(Logger) is aegis.log
    assert isinstance(aegis.keys, blocking.Keyring)
    with pytest.raises(AegisError, match=r"aegis_core\.blocking has AuditTrail"):
        aegis.get(str)
    with pytest.raises(AegisError, match="AEGIS_STORAGE__NAME"):
        aegis.get(blocking.Storage, name="images")


def test_lines_are_written(aegis, sink):
    aegis.log.info("admitted", ward="4B")
    assert b'"admitted"' in sink.lines[-1]


def test_errors_come_out_as_themselves(storage):
    def broken():
        yield b"x"
        raise error

    class BrokenAtOnce:
        def __iter__(self):
            raise error

    error = RuntimeError("theirs")
    with pytest.raises(RuntimeError) as caught:
        storage.upload("a", broken())
    assert caught.value is error
    with pytest.raises(RuntimeError) as at_once:
        storage.upload("a", BrokenAtOnce())
    assert at_once.value is error
    error = SystemExit(4)
    with pytest.raises(SystemExit) as left:
        storage.upload("a", broken())
    assert left.value is error
    assert list(storage.list()) == []  # and the portal still works


def test_the_bodys_exception_comes_out_as_the_same_object():
    mine = RuntimeError("mine")
    aegis = Aegis(only=["storage"])
    with pytest.raises(RuntimeError) as caught, aegis.blocking() as opened:
        part = opened.storage
        listing = part.list()
        raise mine
    assert caught.value is mine
    assert aegis.closed == CloseReport() == opened.closed
    for act in (lambda: part.stat("a"), lambda: opened.storage, lambda: opened.log, lambda: next(iter(listing))):
        with pytest.raises(AegisError, match="inside its `with` block") as refused:
            act()
        assert refused.value.code is ErrorCode.UNAVAILABLE


def test_the_bodys_exception_wins_over_one_of_closing():
    class Fails(MemoryStorage):
        async def aclose(self):
            raise OSError("gone")

    mine = RuntimeError("mine")
    for made in (
        lambda: Aegis(only=["storage"], storage=Fails()).blocking(),
        lambda: blocking.Storage(Fails(), blocking.Keyring(MemoryVault(), MemoryState())),
    ):
        with pytest.raises(RuntimeError) as caught, made():
            raise mine
        assert caught.value is mine
        with pytest.raises(AegisError) as closed, made():
            pass
        assert closed.value.operation == "storage.aclose"


def test_closing_has_its_deadline():
    import anyio

    class Hangs(MemoryStorage):
        async def aclose(self):
            await anyio.sleep_forever()

    aegis = Aegis(only=["storage"], storage=Hangs())
    with aegis.blocking(close_deadline=0.2):
        pass
    assert aegis.closed == CloseReport(late=("storage",))


def test_what_cannot_be_opened_is_told_by_with():
    class Fails(MemoryStorage):
        async def open(self):
            raise OSError("no such disk")

    with pytest.raises(AegisError) as caught, Aegis(only=["storage"], storage=Fails()).blocking():
        raise AssertionError("not reached")
    assert caught.value.operation == "storage.open"


def test_a_service_that_was_not_entered_says_so():
    keyring = blocking.Keyring(MemoryVault(), MemoryState())
    with pytest.raises(AegisError, match="enter it with `with`") as caught:
        keyring.active(KeyPurpose.WRAP)
    assert caught.value.code is ErrorCode.UNAVAILABLE


def test_what_is_open_is_not_entered_twice(aegis, storage):
    for service in (storage, aegis.storage):
        with pytest.raises(AegisError, match="open already"), service:
            raise AssertionError("not reached")
    assert list(storage.list()) == list(aegis.storage.list()) == []
