"""The keyring gives every caller the right key, and one key to all who ask first."""

import json
import os
import subprocess
import sys
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from aegis_core.crypto.cache import BoundedCache
from aegis_core.crypto.flight import SingleFlight
from aegis_core.crypto.keyring import CACHE_LIFETIME, Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.crypto.port import WrappedKey
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState

RING_PURPOSES = [purpose for purpose in KeyPurpose if purpose is not KeyPurpose.SUBJECT]

pytestmark = pytest.mark.anyio


async def refused(awaitable):
    """The code of the error that an awaitable ends with."""
    with pytest.raises(AegisError) as caught:
        await awaitable
    return caught.value.code


async def gather(*calls):
    results = [None] * len(calls)

    async def one(number, call):
        results[number] = await call()

    async with anyio.create_task_group() as group:
        for number, call in enumerate(calls):
            group.start_soon(one, number, call)
    return results


async def test_two_keyrings_that_ask_first_get_the_same_key(place):
    async with place.keyring() as one, place.keyring() as two:
        calls = [partial(ring.active, purpose) for ring in (one, two) for purpose in RING_PURPOSES for _ in range(3)]
        keys = await gather(*calls)
        for purpose in RING_PURPOSES:
            assert len({key for key in keys if key.purpose is purpose}) == 1
        assert len({key.secret for key in keys}) == len(RING_PURPOSES)


_ASK = """
import anyio, sys
from pathlib import Path
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyPurpose
from aegis_core.local.filesystem.keys import FileVault
from aegis_core.local.filesystem.state import FileState

async def main(root):
    async with Keyring(FileVault(root / "keys"), FileState(root / "state")) as ring:
        for purpose in ("wrap", "index", "pseudonym"):
            key = await ring.active(KeyPurpose(purpose))
            print(key.id, key.secret.hex())

anyio.run(main, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_several_processes_that_ask_first_get_the_same_keys(tmp_path, anyio_backend):
    processes = [
        subprocess.Popen([sys.executable, "-c", _ASK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(answers)) == 1
    assert len(answers[0].splitlines()) == 3


async def test_many_tasks_that_ask_for_one_key_cause_one_unwrap(place):
    async with place.keyring() as ring:
        made = await ring.active(KeyPurpose.WRAP)
    async with place.keyring() as ring:
        place.vault.unwraps = 0
        by_id = [partial(ring.key, made.id)] * 20
        by_purpose = [partial(ring.active, KeyPurpose.WRAP)] * 20
        assert await gather(*by_id, *by_purpose) == [made] * 40
        assert place.vault.unwraps == 1
        assert ring.cached(made.id) == made


async def test_an_active_key_at_hand_is_the_one_that_asking_gives(place, clock):
    async with place.keyring() as ring:
        assert ring.active_at_hand(KeyPurpose.WRAP) is None
        first = await ring.active(KeyPurpose.WRAP)
        assert ring.active_at_hand(KeyPurpose.WRAP) == first
        assert ring.active_at_hand(KeyPurpose.INDEX) is None
        second = await ring.rotate(KeyPurpose.WRAP)
        assert ring.active_at_hand(KeyPurpose.WRAP) in (None, second)
        assert await ring.active(KeyPurpose.WRAP) == second == ring.active_at_hand(KeyPurpose.WRAP)
        clock.now += CACHE_LIFETIME
        assert ring.active_at_hand(KeyPurpose.WRAP) is None
        with pytest.raises(AegisError, match="subject_key"):
            ring.active_at_hand(KeyPurpose.SUBJECT)


async def test_when_the_task_that_fetches_is_cancelled_another_one_fetches():
    flights, started, calls = SingleFlight(), anyio.Event(), []

    async def call():
        calls.append(1)
        started.set()
        if len(calls) == 1:
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()
        return "answer"

    async def leader(scope):
        with scope:
            await flights.run("key", call)

    answers = []

    async def follower():
        answers.append(await flights.run("key", call))

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(leader, scope)
        await started.wait()
        group.start_soon(follower)
        group.start_soon(follower)
        await anyio.lowlevel.checkpoint()
        scope.cancel()
    assert answers == ["answer", "answer"]
    assert len(calls) == 2


async def test_an_error_goes_to_everyone_who_waits_and_the_next_call_asks_again():
    flights, calls = SingleFlight(), []

    async def call():
        calls.append(1)
        await anyio.lowlevel.checkpoint()
        raise AegisError(ErrorCode.UNAVAILABLE, "down")

    codes = await gather(*[lambda: refused(flights.run("key", call))] * 3)
    assert codes == [ErrorCode.UNAVAILABLE] * 3
    assert len(calls) == 1
    assert await refused(flights.run("key", call)) is ErrorCode.UNAVAILABLE
    assert len(calls) == 2


async def test_a_cached_key_is_asked_for_again_after_a_minute(place, clock):
    async with place.keyring() as ring:
        made = await ring.active(KeyPurpose.WRAP)
        before = place.vault.unwraps
        clock.now += CACHE_LIFETIME - 0.001
        assert ring.cached(made.id) == await ring.active(KeyPurpose.WRAP)
        assert place.vault.unwraps == before
        clock.now += 0.001
        assert ring.cached(made.id) is None
        assert await ring.key(made.id) == made
        assert place.vault.unwraps == before + 1


def test_the_cache_is_bounded_in_number_and_drops_the_oldest(clock):
    cache = BoundedCache(clock.monotonic, lifetime=60, largest=3)
    for number in range(5):
        cache.put(str(number), number, asked=clock.now)
    assert len(cache) == 3
    assert [cache.get(str(number)) for number in range(5)] == [None, None, 2, 3, 4]


def test_the_cache_counts_age_from_when_the_value_was_asked_for(clock):
    cache = BoundedCache(clock.monotonic, lifetime=60, largest=3)
    cache.put("slow", 1, asked=clock.now - 59)
    assert cache.get("slow") == 1
    clock.now += 1
    assert cache.get("slow") is None


def test_the_cache_keeps_nothing_that_was_read_before_a_purge(clock):
    cache = BoundedCache(clock.monotonic, lifetime=60, largest=3)
    purges = cache.purges
    cache.purge(lambda _name: False)
    cache.put("late", 1, asked=clock.now, purges=purges)
    assert cache.get("late") is None


async def test_rotation_makes_a_new_active_key_and_keeps_the_former_one_for_opening(place, clock):
    async with place.keyring() as ring, place.keyring() as other:
        former = await ring.active(KeyPurpose.INDEX)
        assert await other.active(KeyPurpose.INDEX) == former
        new = await ring.rotate(KeyPurpose.INDEX)
        assert new.id != former.id
        assert await ring.active(KeyPurpose.INDEX) == new
        kept = await ring.key(former.id)
        assert (kept.state, kept.secret) == ("decrypt-only", former.secret)
        assert [key.id for key in await ring.every(KeyPurpose.INDEX)] == [new.id, former.id]
        assert await other.key(new.id) == new  # what it does not know it looks up at once
        clock.now += CACHE_LIFETIME
        assert await other.active(KeyPurpose.INDEX) == new
        assert await ring.every(KeyPurpose.PSEUDONYM) == []


async def test_rotations_at_once_lose_none(place):
    async with place.keyring() as one, place.keyring() as two:
        made = await gather(*[partial(ring.rotate, KeyPurpose.WRAP) for ring in (one, two) for _ in range(4)])
    async with place.keyring() as later:
        everything = await later.every(KeyPurpose.WRAP)
    assert {key.id for key in made} == {key.id for key in everything}
    assert len(made) == 8
    assert [key.state for key in everything] == ["active"] + ["decrypt-only"] * 7


async def test_rewrapping_frees_the_vaults_former_key(place, clock):
    async with place.keyring() as ring:
        keys = [await ring.active(KeyPurpose.WRAP, tenant=tenant) for tenant in ("", "clinic-a", "clinic-b")]
        keys.append(await ring.active(KeyPurpose.INDEX))
        former = await place.vault.active()
        await place.vault.rotate()
        assert await ring.rewrap() == 4
        assert await ring.rewrap() == 0
        await place.vault.destroy(former)
    async with place.keyring() as later:
        assert [await later.key(key.id) for key in keys] == keys


async def test_a_key_whose_vault_key_was_destroyed_is_not_found(place):
    async with place.keyring() as ring:
        made = await ring.active(KeyPurpose.WRAP)
    former = await place.vault.active()
    await place.vault.rotate()
    await place.vault.destroy(former)
    async with place.keyring() as ring:
        assert await refused(ring.key(made.id)) is ErrorCode.NOT_FOUND


async def test_tenants_have_keys_of_their_own(place):
    async with place.keyring() as ring:
        keys = [await ring.active(KeyPurpose.WRAP, tenant=tenant) for tenant in ("", "clinic-a", "clinic-b")]
        assert [key.id for key in keys] == ["k1", "clinic-a/k1", "clinic-b/k1"]
        assert len({key.secret for key in keys}) == 3


@pytest.mark.parametrize("tenant", ["_", "a/b", "..", ".a", "ü", "a b", "x" * 129, "\n"])
async def test_an_impossible_tenant_is_an_invalid_argument(place, tenant):
    async with place.keyring() as ring:
        assert await refused(ring.active(KeyPurpose.WRAP, tenant=tenant)) is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("key_id", ["", "k0", "k2", "x1", "clinic/k1", "../k1", "a/b/k1", "_/k1", "s:1", "k1\n"])
async def test_an_unknown_key_is_not_found(place, key_id):
    async with place.keyring() as ring:
        await ring.active(KeyPurpose.WRAP)
        assert await refused(ring.key(key_id)) is ErrorCode.NOT_FOUND


async def test_a_vault_that_answers_with_another_key_is_found_out(place):
    class Mixed(MemoryVault):
        async def unwrap(self, wrapped, /, *, context):
            return bytes(await super().unwrap(wrapped, context=context))[::-1]

    vault = Mixed()
    async with Keyring(vault, place.state) as ring:
        made = await ring.active(KeyPurpose.WRAP)
    async with Keyring(vault, place.state) as ring:
        assert await refused(ring.key(made.id)) is ErrorCode.INTEGRITY


async def test_a_ring_of_another_tenant_is_found_out(place):
    async with place.keyring() as ring:
        await ring.active(KeyPurpose.WRAP, tenant="clinic-a")
        document = await place.state.get("keyring/clinic-a")
        await place.state.put("keyring/clinic-b", document.body, expected=None)
        assert await refused(ring.active(KeyPurpose.WRAP, tenant="clinic-b")) is ErrorCode.INTEGRITY


async def test_a_key_moved_to_another_place_in_the_ring_does_not_open(place):
    async with place.keyring() as ring:
        await ring.active(KeyPurpose.WRAP)
        await ring.active(KeyPurpose.INDEX)
    document = await place.state.get("keyring/_")
    ring_document = json.loads(document.body)
    first, second = ring_document["keys"]
    for field in ("wrapped", "check"):
        first[field], second[field] = second[field], first[field]
    await place.state.put("keyring/_", json.dumps(ring_document).encode(), expected=document.revision)
    async with place.keyring() as ring:
        assert await refused(ring.active(KeyPurpose.WRAP)) is ErrorCode.INTEGRITY


async def test_no_key_and_no_secret_lies_in_the_store(place, patient):
    async with place.keyring() as ring:
        keys = [await ring.active(purpose) for purpose in RING_PURPOSES]
        keys.append(await ring.subject_key(patient))
        stored = place.state.everything()
        for key in keys:
            assert key.secret not in stored
            assert key.secret.hex().encode() not in stored
            assert key.secret.hex() not in repr((key, ring, vars(ring)))


async def test_a_keyring_that_is_not_open_says_what_to_do(place, patient):
    ring = place.keyring()
    for call in (ring.active(KeyPurpose.WRAP), ring.key("k1"), ring.rewrap(), ring.subject_key(patient)):
        with pytest.raises(AegisError, match="async with") as caught:
            await call
        assert caught.value.code is ErrorCode.UNAVAILABLE
        assert not caught.value.retryable


async def test_a_forked_child_is_told_to_open_its_own(place, monkeypatch):
    async with place.keyring() as ring:
        made = await ring.active(KeyPurpose.WRAP)
        here = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: here + 1)
        for call in (ring.active(KeyPurpose.WRAP), ring.key(made.id), ring.open()):
            with pytest.raises(ForkedError):
                await call
        monkeypatch.undo()
        assert await ring.key(made.id) == made


async def test_subject_is_no_purpose_to_ask_for(place):
    async with place.keyring() as ring:
        assert await refused(ring.active(KeyPurpose.SUBJECT)) is ErrorCode.INVALID_ARGUMENT
        assert await refused(ring.rotate(KeyPurpose.SUBJECT)) is ErrorCode.INVALID_ARGUMENT


class Steps:
    """Adapters that write down what is done to them."""

    def __init__(self):
        self.done = []

    def of(self, kind, name, *, fails=False):
        steps = self

        class Watched(kind):
            async def open(self):
                steps.done.append(f"open {name}")
                if fails:
                    raise OSError("no such folder")

            async def aclose(self):
                steps.done.append(f"close {name}")

            def classify(self, exc, /):
                return ErrorCode.PERMISSION_DENIED if isinstance(exc, OSError) else None

        return Watched()


async def test_it_opens_what_it_owns_and_closes_it_in_reverse():
    steps = Steps()
    ring = Keyring(
        steps.of(MemoryVault, "vault"), steps.of(MemoryState, "state"), subjects=steps.of(MemoryState, "subjects")
    )
    async with ring:
        await ring.open()
    await ring.aclose()
    assert steps.done == ["open state", "open vault", "open subjects", "close subjects", "close vault", "close state"]


async def test_when_one_does_not_open_those_before_it_are_closed():
    steps = Steps()
    ring = Keyring(steps.of(MemoryVault, "vault", fails=True), steps.of(MemoryState, "state"))
    with pytest.raises(AegisError) as caught:
        await ring.open()
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    assert steps.done == ["open state", "open vault", "close vault", "close state"]
    assert await refused(ring.key("k1")) is ErrorCode.UNAVAILABLE


async def test_an_adapter_for_another_backend_is_refused_by_name(anyio_backend):
    class Elsewhere(MemoryVault):
        name = "elsewhere"
        backends = frozenset({"asyncio", "trio"} - {anyio_backend})

    with pytest.raises(AegisError, match="cannot run on") as caught:
        await Keyring(Elsewhere(), MemoryState()).open()
    assert caught.value.adapter == "elsewhere"


async def test_a_closed_keyring_has_forgotten_every_key(place):
    ring = place.keyring()
    async with ring:
        made = await ring.active(KeyPurpose.WRAP)
        assert ring.cached(made.id) == made
    assert ring.cached(made.id) is None


class BrokenDriver(MemoryVault):
    """A driver whose exceptions hold what it was given."""

    async def wrap(self, key, /, *, context):
        raise OSError("could not send", key)

    async def unwrap(self, wrapped: WrappedKey, /, *, context):
        raise ConnectionError("could not send")

    def classify(self, exc, /):
        return ErrorCode.UNAVAILABLE if isinstance(exc, ConnectionError) else None


async def test_what_a_driver_raises_is_given_a_code_and_holds_no_key(place):
    async with Keyring(BrokenDriver(), place.state) as ring:
        with pytest.raises(AegisError) as caught:
            await ring.active(KeyPurpose.WRAP)
    assert caught.value.code is ErrorCode.INTERNAL
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    async with place.keyring() as ring:
        made = await ring.active(KeyPurpose.WRAP)
    async with Keyring(BrokenDriver(), place.state) as ring:
        assert await refused(ring.key(made.id)) is ErrorCode.UNAVAILABLE
