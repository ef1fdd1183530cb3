"""Any order of sending, failing and being killed: each key is mailed once at most, and once in the end."""

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.testing.outbox import Outbox
from tests.unit.notifications.conftest import PATIENT, Place, ResultReady

KEYS = st.sampled_from(["r-1", "r-2", "r-3"])
ANSWERS = st.sampled_from(["accept", "unavailable", "lose", "refuse", "killed before", "killed after"])
PROCESS = st.lists(st.tuples(KEYS, ANSWERS), min_size=1, max_size=4)


class Killed(BaseException):
    pass


class Unreliable(Outbox):
    """Answers as planned; a killed process raises out of everything, and its plan ends with it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.plan = []
        self.said = {}

    async def send(self, message, *, key):
        answer = self.plan.pop(0) if self.plan else "accept"
        if answer == "killed before":
            raise Killed
        if answer in {"unavailable", "lose", "refuse"}:
            self.will(answer)
        sent = await super().send(message, key=key)
        if answer == "killed after":
            raise Killed
        self.said.setdefault(key, set()).add(sent.status)
        return sent


@given(
    processes=st.lists(PROCESS, min_size=1, max_size=4),
    idempotent=st.booleans(),
    backend=st.sampled_from(["asyncio", "trio"]),
)
@settings(max_examples=50)
def test_each_key_is_mailed_once_at_most_and_every_word_stays(processes, idempotent, backend):
    place = Place()
    outbox = Unreliable(idempotent=idempotent)
    words = {}

    def remember(delivery):
        if delivery.status != "queued":
            assert words.setdefault(delivery.id, delivery) == delivery, "a final word never changes"

    async def process(steps):
        outbox.plan = [answer for _, answer in steps]
        async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
            for key, _ in steps:
                message = ResultReady(to=PATIENT, clinic=f"clinic of {key}")
                remember(await hub.send(message, key=key))
            await anyio.wait_all_tasks_blocked()
            for delivery in await hub.deliveries():
                remember(delivery)

    for steps in processes:
        try:
            anyio.run(process, steps, backend=backend)
        except BaseExceptionGroup as group:
            assert group.split(Killed)[1] is None
        except Killed:
            continue
    outbox.plan = []

    async def recover():
        async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
            for key in {key for steps in processes for key, _ in steps}:
                delivery = await hub.send_immediate(ResultReady(to=PATIENT, clinic=f"clinic of {key}"), key=key)
                remember(delivery)
                mails = [mail for mail in outbox.delivered if f"clinic of {key}" in mail.text]
                assert len(mails) <= 1, "no key is mailed twice"
                if delivery.status == "accepted":
                    assert len(mails) == 1, "what is called accepted has arrived"
                if delivery.status == "refused":
                    assert not mails, "what is called refused has not arrived"
                if idempotent:
                    assert delivery.status != "uncertain" or "uncertain" in outbox.said[delivery.id]
            assert await hub.deliveries(status="queued") == []

    anyio.run(recover, backend=backend)
