"""What the journal keeps, and what anybody sees of a message, tells neither an address nor a word of it."""

import base64

import anyio
import pytest

from aegis_core.kernel.context import Context, Principal, using
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications import NotificationHub
from aegis_core.testing.outbox import Outbox

pytestmark = pytest.mark.anyio

SECRETS = ["somchai", "North Clinic", "HN-17-0042", "Somchai Jaidee", "patient/17", "dr-lek", "ready"]


def spellings(secret):
    raw = secret.encode()
    for start in range(3):
        yield base64.b64encode(b"x" * start + raw)[4:-4] if len(raw) > 6 else raw
    yield raw
    yield raw.hex().encode()


async def test_no_document_of_the_journal_tells_anything(place, result_ready):
    context = Context(
        principal=Principal("dr-lek", "oidc"), purpose=Purpose.TREATMENT, subject=Classified("HN-17-0042", PHI.MRN)
    )
    handed, go = anyio.Event(), anyio.Event()
    outbox = Outbox()
    send = outbox.send

    async def wait(message, *, key):
        assert "HN-17-0042" not in key
        handed.set()
        await go.wait()
        return await send(message, key=key)

    outbox.send = wait
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        with using(context):
            await hub.send(result_ready(name="Somchai Jaidee"), key="HN-17-0042")
        await handed.wait()
        waiting = await place.bodies()
        go.set()
    done = await place.bodies()
    assert [name.split("/")[1] for name in waiting] == ["index-key", "queued"]
    assert [name.split("/")[1] for name in done] == ["done", "index-key"]
    for documents in (waiting, done):
        for name, body in documents.items():
            for secret in SECRETS:
                assert secret not in name
                if b"result-ready" in body:
                    body = body.replace(b"result-ready", b"")
                assert not [spelled for spelled in spellings(secret) if spelled in body]


async def test_what_is_kept_for_ever_holds_no_sealed_message(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        await hub.send_immediate(result_ready(), key="result-17")
    (body,) = [body for name, body in (await place.bodies()).items() if name.startswith("deliveries/done/")]
    assert b"sealed" not in body
    assert len(body) < 400


async def test_no_repr_tells_anything(place, result_ready):
    message = result_ready(name="Somchai Jaidee")
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        delivery = await hub.send_immediate(message, key="result-17")
        told = f"{delivery!r} {hub!r} {place.records.events!r} {message.to.addresses!r}"
    for secret in SECRETS[:4]:
        assert secret not in told


async def test_a_hub_that_is_not_open_says_what_to_do(place, result_ready):
    async with place.keyring() as keyring:
        hub = place.hub(keyring)
        with pytest.raises(AegisError, match="async with") as caught:
            await hub.send(result_ready(), key="result-17")
        assert caught.value.code is ErrorCode.UNAVAILABLE
        await hub.aclose()
        async with hub:
            await hub.open()
        with pytest.raises(AegisError, match="async with"):
            await hub.deliveries()


async def test_leaving_in_another_task_is_refused(place):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        async with anyio.create_task_group() as group:

            async def leave():
                with pytest.raises(AegisError) as caught:
                    await hub.aclose()
                assert caught.value.code is ErrorCode.INVALID_ARGUMENT

            group.start_soon(leave)
        assert await hub.deliveries() == []


async def test_after_a_fork_the_child_is_told_to_open_again(place, result_ready, monkeypatch):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        with monkeypatch.context() as child:
            child.setattr("os.getpid", lambda: -7)
            with pytest.raises(ForkedError):
                await hub.send(result_ready(), key="result-17")


async def test_a_channel_of_another_backend_is_refused_by_name_and_what_had_opened_is_closed(place):
    class Elsewhere(Outbox):
        name = "elsewhere"
        backends = frozenset({"curio"})

    class Watched(Outbox):
        open_now = False

        async def open(self):
            self.open_now = True

        async def aclose(self):
            self.open_now = False

    watched = Watched("sms")
    async with place.keyring() as keyring:
        hub = place.hub(keyring, watched, Elsewhere())
        with pytest.raises(AegisError) as caught:
            await hub.open()
        assert caught.value.adapter == "elsewhere"
        assert not watched.open_now
        assert isinstance(hub, NotificationHub)


async def test_an_error_in_the_block_comes_out_as_itself(place):
    with pytest.raises(ZeroDivisionError):
        async with place.keyring() as keyring, place.hub(keyring):
            raise ZeroDivisionError
