"""One idempotency key is one delivery: again, at the same time, in another process, after a kill."""

import anyio
import pytest

from aegis_core.crypto.model import KeyPurpose
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.testing.outbox import Outbox

pytestmark = pytest.mark.anyio


async def test_a_message_is_delivered_and_its_delivery_found_again(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        delivery = await hub.send_immediate(result_ready(name="Somchai"), key="result-17")
        assert (delivery.status, delivery.channel, delivery.template) == ("accepted", "email", "result-ready")
        assert delivery.reference == "outbox-1"
        assert delivery.finished_at >= delivery.queued_at
        assert await hub.deliveries() == [delivery]
        assert await hub.deliveries(status="queued") == []
        assert await hub.deliveries(status="accepted") == [delivery]
    (mail,) = place.outbox.delivered
    assert mail.address == "somchai@patients.example"
    assert mail.subject == "A result is ready at North Clinic"
    assert mail.text == "Dear Somchai,\na result is ready at North Clinic."


async def test_send_returns_once_the_message_is_journalled(place, result_ready):
    outbox = Outbox()
    handed = anyio.Event()
    send = outbox.send

    async def wait(message, *, key):
        await handed.wait()
        return await send(message, key=key)

    outbox.send = wait
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        delivery = await hub.send(result_ready(), key="result-17")
        assert delivery.status == "queued"
        assert await hub.deliveries(status="queued") == [delivery]
        assert f"deliveries/queued/{delivery.id}" in await place.bodies()
        handed.set()
    assert len(outbox.delivered) == 1, "closing the hub hands over what waits"


async def test_the_same_key_twice_is_one_mail_and_the_same_delivery(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        first = await hub.send_immediate(result_ready(), key="result-17")
        assert await hub.send_immediate(result_ready(), key="result-17") == first
        assert await hub.send(result_ready(), key="result-17") == first
        other = await hub.send_immediate(result_ready(), key="result-18")
        assert other.id != first.id
    assert len(place.outbox.delivered) == 2


async def test_the_same_key_at_the_same_time_is_one_mail(place, result_ready):
    outbox = Outbox(idempotent=False)
    found = []
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:

        async def send():
            found.append(await hub.send_immediate(result_ready(), key="result-17"))

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(send)
    assert len(outbox.delivered) == 1
    assert {delivery.status for delivery in found} == {"accepted"}


@pytest.mark.parametrize("idempotent", [True, False])
async def test_two_processes_with_one_journal_send_one_mail(place, result_ready, idempotent):
    outbox = Outbox(idempotent=idempotent)
    found = []
    async with place.keyring() as one, place.keyring() as two, place.hub(one, outbox) as a, place.hub(two, outbox) as b:

        async def send(hub, key):
            found.append(await hub.send_immediate(result_ready(), key=key))

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(send, a, f"result-{number}")
                group.start_soon(send, b, f"result-{number}")
        assert len(await a.deliveries()) == 10
        assert await b.deliveries(status="queued") == []
    assert len(outbox.delivered) == 10
    assert {delivery.status for delivery in found} == {"accepted"}


async def test_the_same_key_for_another_message_is_a_conflict(place, result_ready, patient):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        await hub.send_immediate(result_ready(name="Somchai"), key="result-17")
        for other in (result_ready(name="Malee"), result_ready(clinic="South Clinic", name="Somchai")):
            with pytest.raises(AegisError) as caught:
                await hub.send(other, key="result-17")
            assert caught.value.code is ErrorCode.CONFLICT
            assert "Malee" not in str(caught.value)
    assert len(place.outbox.delivered) == 1


async def test_a_key_belongs_to_its_tenant(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        ids = set()
        for tenant in (None, "north", "south"):
            with using(Context(tenant=tenant)):
                ids.add((await hub.send_immediate(result_ready(), key="result-17")).id)
    assert len(ids) == 3
    assert len(place.outbox.delivered) == 3


async def test_rotating_the_index_key_changes_no_id(place, result_ready):
    async with place.keyring() as keyring:
        async with place.hub(keyring) as hub:
            first = await hub.send_immediate(result_ready(), key="result-17")
        await keyring.rotate(KeyPurpose.INDEX)
        await keyring.rotate(KeyPurpose.WRAP)
        async with place.hub(keyring) as hub:
            assert await hub.send_immediate(result_ready(), key="result-17") == first
    assert len(place.outbox.delivered) == 1


@pytest.mark.parametrize("key", ["", "x" * 1025])
async def test_a_key_has_1_to_1024_characters(place, result_ready, key):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        with pytest.raises(AegisError) as caught:
            await hub.send(result_ready(), key=key)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_a_recipient_without_an_address_is_unreachable(place, result_ready, patient):
    import attrs

    nobody = attrs.evolve(patient, addresses={})
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        delivery = await hub.send(result_ready(to=nobody), key="result-17")
        assert (delivery.status, delivery.channel) == ("unreachable", None)
        assert await hub.send_immediate(result_ready(to=nobody), key="result-17") == delivery
        assert await hub.deliveries(status="unreachable") == [delivery]
    assert place.outbox.attempts == 0
