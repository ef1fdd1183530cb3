"""Everything in use says how it is, in one call that nobody can hold up."""

import anyio
import attrs
import pytest

from aegis_core.app import Aegis
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, current, remaining, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.health import UP, Health
from aegis_core.local.memory.state import MemoryState
from aegis_core.local.memory.storage import MemoryStorage

pytestmark = pytest.mark.anyio


def answering(adapter, how):
    """An adapter of the same kind that answers for its health with what ``how`` gives."""

    class Answering(type(adapter)):
        async def health(self):
            return await how()

    adapter.__class__ = Answering
    return adapter


async def test_every_adapter_in_use_answers_by_its_place(parts):
    stores = {"default": parts.storage, "images": parts.images}
    async with parts.aegis(storage=stores).open() as aegis:
        health = await aegis.health()
    assert list(health) == ["keys", "state", "subject_keys", "audit", "storage", "storage images", "email"]
    assert {answer.state for answer in health.values()} == {"up"}
    assert health["audit"].facts["recorded"] == 0  # the trail answers, not its primary alone


async def test_the_store_of_a_tenant_has_its_place(parts, monkeypatch):
    monkeypatch.setenv("AEGIS_STORAGE__TENANT_EU_WEST", "file:eu")
    async with parts.aegis().open() as aegis:
        assert (await aegis.health())["storage tenant EU_WEST"].state in {"up", "degraded"}


async def test_a_part_alone_asks_what_it_leans_on_and_nothing_else(parts):
    only_storage = Aegis(only=["storage"], storage=MemoryStorage(), keys=parts.keys, state=MemoryState())
    async with only_storage.open() as aegis:
        assert list(await aegis.health()) == ["keys", "state", "storage"]
    async with Aegis(only=["log"], log=parts.log, keys=parts.keys).open() as aegis:
        assert await aegis.health() == {}


async def test_what_hangs_or_raises_is_down_and_holds_nobody_up(parts):
    async def raising():
        raise ValueError("bed 4, HN-690001")

    answering(parts.storage, anyio.sleep_forever)
    answering(parts.email, raising)
    async with parts.aegis().open() as aegis:
        with anyio.fail_after(5):
            health = await aegis.health(deadline=0.05)
    assert health["storage"] == Health("down", "no answer within 0.05 s")
    assert health["email"] == Health("down", "asked how it is, it raised ValueError")
    assert health["keys"].state == health["state"].state == health["audit"].state == "up"


async def test_all_are_asked_at_once(parts):
    together = {"storage": anyio.Event(), "email": anyio.Event()}

    def waiting_for(mine, other):
        async def answer():
            together[mine].set()
            await together[other].wait()
            return UP

        return answer

    answering(parts.storage, waiting_for("storage", "email"))
    answering(parts.email, waiting_for("email", "storage"))
    async with parts.aegis().open() as aegis:
        with anyio.fail_after(5):
            health = await aegis.health(deadline=4)
    assert health["storage"] is health["email"] is UP


async def test_a_driver_that_blocks_learns_how_long_it_may_take(parts):
    seen = []

    async def answer():
        seen.append((remaining(SYSTEM_CLOCK), current().tenant))
        return UP

    answering(parts.storage, answer)
    async with parts.aegis().open() as aegis:
        with using(Context(tenant="eu")):
            await aegis.health(deadline=3)
            with using(attrs.evolve(current(), expires_at=SYSTEM_CLOCK.monotonic() + 1)):
                await aegis.health(deadline=3)
            assert current() == Context(tenant="eu")
    (first, tenant), (second, _) = seen
    assert tenant == "eu"
    assert 1 < first <= 3
    assert second <= 1


async def test_before_and_after_it_is_not_open(parts):
    aegis = parts.aegis()
    for _ in range(2):
        with pytest.raises(AegisError, match="not open") as caught:
            await aegis.health()
        assert caught.value.code is ErrorCode.UNAVAILABLE
        assert caught.value.operation == "aegis.health"
        if aegis.closed is None:
            async with aegis.open():
                assert (await aegis.health())["audit"].state == "up"


def test_without_a_loop(parts):
    with parts.aegis().blocking() as aegis:
        assert aegis.health(deadline=3)["audit"].state == "up"
